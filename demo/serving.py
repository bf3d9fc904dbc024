"""A service that is tried out: started, watched, and stopped by Ctrl-C."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.usage import UsageError

from demo.interruption import Interruption
from demo.service import ROOT, Reactor, ServiceFailed, ServiceProcess
from httpd.settings.options import ServiceOptions
from httpd.texts import os_error_text

START_SECONDS = 60.0
STOP_SECONDS = 30.0
_INTERRUPT_SECONDS = 1.0
"""Ctrl-C reaches the service too: so long it has to end by itself."""

_S = TypeVar("_S")
_T = TypeVar("_T")


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


def prepared_in(data: Path, prepare: Callable[[], _T]) -> _T:
    """
    What C{prepare} returns.

    @param data: the directory of what it makes.
    @raise SystemExit: a file cannot be written or read; the text says which.
    """
    try:
        return prepare()
    except OSError as error:
        raise SystemExit(f"{error.filename or data}: {os_error_text(error)}") from None


def checked(options: ServiceOptions[_S], command: str) -> _S:
    """
    The settings as the service will read them; its ports are free.

    @param command: how the user has begun this.
    @raise SystemExit: it would not start.
    """
    try:
        options.parseOptions([])
    except UsageError as error:
        raise SystemExit(str(error)) from None
    for name in ("LISTEN_PORT", "HTTP_LISTEN_PORT"):
        _check_port(name, getattr(options.settings, name.lower()) or 0, command)
    return options.settings


def _check_port(name: str, port: int, command: str) -> None:
    with socket.socket(socket.AF_INET6 if socket.has_ipv6 else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            another = port + 1000 if port + 1000 < 1 << 16 else port - 1000
            raise SystemExit(
                f"Port {port} cannot be listened on ({os_error_text(error)})."
                f"  Choose another one: {command} {name}={another}"
            ) from None


def say_packages() -> None:
    """Print what installs the packages that make a sample boot."""
    listed = subprocess.run(
        [str(ROOT / "requirements/packages.sh"), "--print", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for line in listed.stdout.splitlines():
        say(f"  {line}")


async def serve_until_interrupted(
    reactor: Reactor,
    plugin: str,
    environment: Mapping[str, str],
    log: Path,
    show: Callable[[ServiceProcess], Awaitable[None]],
) -> None:
    """
    Start a service, C{show} what there is, and wait until the service ends.

    @param plugin: the service's name.
    @param environment: all of the process's environment, settings included.
    @param log: where its log is written.
    @raise SystemExit: something is wrong; the text says what.
    """
    with log.open("w") as written:
        service = ServiceProcess(
            reactor,
            environment,
            lambda line: print(line, file=written, flush=True),
            plugin,
            on_terminal=True,
        )
        interruption = Interruption(
            reactor, lambda: Deferred.fromCoroutine(_stop(reactor, service))
        )
        await interruption.watch()
        say(f"Starting the service; its log is {log}")
        try:
            await service.start(START_SECONDS)
            await show(service)
            await service.wait_for(lambda: service.exit_status is not None, "end", None)
        except Exception as error:
            # After Ctrl-C, which reaches whatever runs beside this, anything may fail.
            if not interruption.happened:
                await _stop(reactor, service)
                if isinstance(error, ServiceFailed):
                    raise SystemExit(str(error)) from None
                raise
        if interruption.happened:
            await _ended(service)
    if not interruption.happened and service.exit_status not in {0, -SIGINT, -SIGTERM}:
        raise SystemExit(f"The service ended with status {service.exit_status}; see {log}")


async def _ended(service: ServiceProcess) -> None:
    """Return when the service, which is being stopped, has written all of its log."""
    try:
        await service.wait_for(lambda: service.exit_status is not None, "end", 2 * STOP_SECONDS)
    except ServiceFailed as error:
        say(str(error))


async def _stop(reactor: Reactor, service: ServiceProcess) -> None:
    """End the service, which a Ctrl-C has told to end already."""
    if service.exit_status is None:
        say("\nStopping the service")
        await deferLater(reactor, _INTERRUPT_SECONDS)
        try:
            await service.stop(STOP_SECONDS)
        except ServiceFailed as error:
            say(str(error))
