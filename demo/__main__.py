"""C{make run}: prepare what is needed, start the service, say what to try, until Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Mapping
from signal import SIGINT, SIGTERM
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react

from assisted_images.catalog.catalog import Catalog
from assisted_images.catalog.lists import CatalogError
from assisted_images.catalog.os_images import parse_os_images
from demo.environment import Prepared, prepare
from demo.guide import guide
from demo.service import ROOT, Reactor, ServiceFailed, ServiceProcess

DATA = ROOT / "demo-data"

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_PROGRESS_SECONDS = 0.5
_INTERRUPT_SECONDS = 1.0
"""Ctrl-C reaches the service too: so long it has to end by itself."""


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


async def run(reactor: Reactor) -> None:
    """
    Serve until interrupted.

    @raise SystemExit: something is wrong; the text says what.
    """
    prepared = prepare(os.environ, DATA, say)
    try:
        catalog = parse_os_images(
            prepared.settings.get("OS_IMAGES") or prepared.settings["RHCOS_VERSIONS"]
        )
    except CatalogError as error:
        raise SystemExit(f"OS_IMAGES: {error}") from None
    _check_ports(prepared.settings)
    log = DATA / "service.log"
    with log.open("w") as written:
        service = ServiceProcess(
            reactor, prepared.settings, lambda line: print(line, file=written, flush=True)
        )
        reactor.addSystemEventTrigger(
            "before", "shutdown", lambda: Deferred.fromCoroutine(_stop(reactor, service))
        )
        say(f"Starting the service; its log is {log}")
        try:
            await service.start(_START_SECONDS)
            await _show_progress(reactor, service, prepared)
            _explain(service, prepared, catalog)
            await service.wait_for(lambda: service.exit_status is not None, "end", None)
        except ServiceFailed as error:
            raise SystemExit(str(error)) from None
    if service.exit_status not in {0, -SIGINT, -SIGTERM}:
        raise SystemExit(f"The service ended with status {service.exit_status}; see {log}")


def _check_ports(settings: Mapping[str, str]) -> None:
    for name in ("LISTEN_PORT", "HTTP_LISTEN_PORT"):
        if not settings[name].isdecimal():
            continue  # the service will say what is wrong
        port = int(settings[name])
        with socket.socket(socket.AF_INET6 if socket.has_ipv6 else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError as error:
                raise SystemExit(
                    f"Port {port} cannot be listened on ({error.strerror})."
                    f"  Choose another one: make run {name}={port + 1000}"
                ) from None


async def _show_progress(reactor: Reactor, service: ServiceProcess, prepared: Prepared) -> None:
    """Print what the service says of its images until all are ready."""
    authority = prepared.authority.read_bytes()
    shown: dict[str, str] = {}
    while True:
        response = await service.client(authority).get(service.url("/status"))
        status = json.loads(await response.content())
        for image in status["images"]:
            name = f"{image['version']} {image['arch']} {image['type']}"
            state = _state(image)
            if shown.get(name) != state:
                shown[name] = state
                say(f"  {name}: {state}")
        if await service.status_of("/health", authority) == 200:
            return
        await deferLater(reactor, _PROGRESS_SECONDS)


def _state(image: Mapping[str, Any]) -> str:
    """One image's state in words, with how far its download is in whole percents."""
    state = str(image["state"])
    if state == "downloading" and image.get("total"):
        state += f", {100 * image['bytes'] // image['total']} % of {image['total'] >> 20} MiB"
    if image.get("reason"):
        state += f": {image['reason']}"
    return state


def _explain(service: ServiceProcess, prepared: Prepared, catalog: Catalog) -> None:
    for line in guide(
        prepared, catalog, service.url("", scheme="https"), service.url("", scheme="http")
    ):
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


async def _stop(reactor: Reactor, service: ServiceProcess) -> None:
    """End the service, which a Ctrl-C has told to end already."""
    if service.exit_status is None:
        say("\nStopping the service")
        await deferLater(reactor, _INTERRUPT_SECONDS)
        await service.stop(_STOP_SECONDS)


def main() -> None:
    """Run on the global reactor; a problem is one message and exit status 1."""
    react(lambda reactor: Deferred.fromCoroutine(run(reactor)))


if __name__ == "__main__":
    main()
