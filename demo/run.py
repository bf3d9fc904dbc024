"""C{make run}: prepare what is needed, start the service, say what to try, until Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionLost
from twisted.internet.task import deferLater, react
from twisted.python.usage import UsageError
from twisted.web.client import ResponseFailed

from assisted_images.catalog.catalog import Entry
from assisted_images.settings.options import Options
from assisted_images.settings.settings import Settings
from demo.environment import Prepared, prepare
from demo.guide import guide
from demo.interruption import Interruption
from demo.service import ROOT, Reactor, ServiceFailed, ServiceProcess
from httpd.texts import os_error_text

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_PROGRESS_SECONDS = 0.5
_INTERRUPT_SECONDS = 1.0
"""Ctrl-C reaches the service too: so long it has to end by itself."""

_NO_CONNECTION = (ConnectError, ConnectionLost, ResponseFailed)


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


async def run(reactor: Reactor, data: Path) -> None:
    """
    Serve until interrupted.

    @param data: the directory of what is made.
    @raise SystemExit: something is wrong; the text says what.
    """
    try:
        prepared = prepare(os.environ, data, say)
    except OSError as error:
        raise SystemExit(f"{error.filename or data}: {os_error_text(error)}") from None
    settings = _checked(prepared)
    log = data / "service.log"
    with log.open("w") as written:
        service = ServiceProcess(
            reactor, prepared.settings, lambda line: print(line, file=written, flush=True)
        )
        interruption = Interruption(
            reactor, lambda: Deferred.fromCoroutine(_stop(reactor, service))
        )
        await interruption.watch()
        say(f"Starting the service; its log is {log}")
        try:
            await _serve(reactor, service, prepared, settings)
        except Exception as error:
            # After Ctrl-C, which reaches whatever runs beside this, anything may fail.
            if not interruption.happened:
                if isinstance(error, ServiceFailed):
                    raise SystemExit(str(error)) from None
                raise
        if interruption.happened:
            await _ended(service)
    if not interruption.happened and service.exit_status not in {0, -SIGINT, -SIGTERM}:
        raise SystemExit(f"The service ended with status {service.exit_status}; see {log}")


async def _serve(
    reactor: Reactor, service: ServiceProcess, prepared: Prepared, settings: Settings
) -> None:
    """
    Run the service until it ends.

    @raise ServiceFailed: it does not start.
    """
    await service.start(_START_SECONDS)
    await _follow(reactor, service, prepared, settings.catalog.images)
    await service.wait_for(lambda: service.exit_status is not None, "end", None)


async def _follow(
    reactor: Reactor, service: ServiceProcess, prepared: Prepared, entries: Sequence[Entry]
) -> None:
    """
    Print what the service says of its images until all are ready, and once one is, what to try.

    @raise ServiceFailed: it has ended.
    """
    authority = prepared.authority.read_bytes()
    shown: dict[Entry, str] = {}
    explained = False
    while True:
        images = await _images(service, authority)
        for entry, image in zip(entries, images, strict=True):
            state = _state(image)
            if shown.get(entry) != state:
                shown[entry] = state
                say(f"  {entry.version} {entry.architecture} {entry.image_type}: {state}")
        ready = [entry for entry in entries if shown[entry] == "ready"]
        if ready and not explained:
            explained = True
            _explain(service, prepared, entries, ready[0])
        if len(ready) == len(entries):
            return
        await deferLater(reactor, _PROGRESS_SECONDS)


async def _images(service: ServiceProcess, authority: bytes) -> list[dict[str, Any]]:
    """What C{/status} says of each, in the catalogue's order."""
    try:
        response = await service.client(authority).get(service.url("/status"))
        images: list[dict[str, Any]] = json.loads(await response.content())["images"]
    except _NO_CONNECTION:
        await service.wait_for(lambda: False, "answer", _STOP_SECONDS)
        raise
    return images


def _checked(prepared: Prepared) -> Settings:
    """
    The settings as the service will read them.

    @raise SystemExit: it would not start.
    """
    options = Options(prepared.settings)
    try:
        options.parseOptions([])
    except UsageError as error:
        raise SystemExit(str(error)) from None
    settings: Settings = options.settings
    for name, port in (
        ("LISTEN_PORT", settings.listen_port),
        ("HTTP_LISTEN_PORT", settings.http_listen_port),
    ):
        _check_port(name, port or 0)
    return settings


def _check_port(name: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if socket.has_ipv6 else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            another = port + 1000 if port + 1000 < 1 << 16 else port - 1000
            raise SystemExit(
                f"Port {port} cannot be listened on ({os_error_text(error)})."
                f"  Choose another one: make run {name}={another}"
            ) from None


def _state(image: Mapping[str, Any]) -> str:
    """One image's state in words, with how far its download is in whole percents."""
    state = str(image["state"])
    if state == "ready":
        return state
    if state == "downloading" and image.get("total"):
        state += f", {100 * image['bytes'] // image['total']} % of {image['total'] >> 20} MiB"
    if image.get("reason"):
        state += f": {image['reason']}"
    return state


def _explain(
    service: ServiceProcess, prepared: Prepared, entries: Sequence[Entry], ready: Entry
) -> None:
    tls, plain = (service.url("", scheme=scheme) for scheme in ("https", "http"))
    for line in guide(prepared, entries, ready, tls, plain):
        say(line)
    if prepared.missing:
        say(f"\nThe sample image does not boot: {' and '.join(prepared.missing)} not found.")
        say("It shows customisation all the same; for one that boots:")
        _say_packages()
    elif shutil.which("qemu-system-x86_64") is None:
        say("\nThat virtual machine needs:")
        _say_packages()
    say("\nCtrl-C stops the service.")


def _say_packages() -> None:
    listed = subprocess.run(
        [str(ROOT / "requirements/packages.sh"), "--print", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for line in listed.stdout.splitlines():
        say(f"  {line}")


async def _ended(service: ServiceProcess) -> None:
    """Return when the service, which is being stopped, has written all of its log."""
    try:
        await service.wait_for(lambda: service.exit_status is not None, "end", 2 * _STOP_SECONDS)
    except ServiceFailed as error:
        say(str(error))


async def _stop(reactor: Reactor, service: ServiceProcess) -> None:
    """End the service, which a Ctrl-C has told to end already."""
    if service.exit_status is None:
        say("\nStopping the service")
        await deferLater(reactor, _INTERRUPT_SECONDS)
        try:
            await service.stop(_STOP_SECONDS)
        except ServiceFailed as error:
            say(str(error))


def main() -> None:
    """
    Run on the global reactor; a problem is one message and exit status 1.  What is made goes to the
    directory that the command line names.
    """
    data = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "demo-data"
    react(lambda reactor: Deferred.fromCoroutine(run(reactor, data)))
