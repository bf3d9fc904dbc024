"""The real service as a process, and other programs, for tests."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from configparser import ConfigParser
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from demo.service import ROOT, ServiceProcess
from tests.canaries import canaries_of

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0


def base_environment() -> dict[str, str]:
    """An environment with no settings: just enough to find programs and this project."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        "LC_ALL": "C.UTF-8",
    }


def console_script(name: str, *arguments: str) -> list[str]:
    """The command line of a script that setup.cfg has, as if it were installed."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    scripts = setup["options.entry_points"]["console_scripts"].strip().splitlines()
    module, _, function = dict(line.split(" = ") for line in scripts)[name].partition(":")
    program = f"import sys; from {module} import {function}; sys.argv[0] = '{name}'; {function}()"
    return [sys.executable, "-c", program, *arguments]


_HEALTH = {"assisted-images": "/health", "image-management": "/healthz/ready"}
"""The readiness probe of each service."""


async def start_service(
    test: TestCase,
    settings: Mapping[str, str],
    *,
    authority: bytes | None = None,
    service: str = "assisted-images",
    secrets: Iterable[str] = (),
) -> ServiceProcess:
    """
    The service on free ports of its choice, healthy; the test's end stops it.

    Then it has to end by itself and well: exit status 0, and in its output no traceback and no
    secret of its settings.

    @param settings: as environment variables; the ports are set here.
    @param authority: the PEM certificate to trust where there is only a TLS listener.
    @param service: which of the services.
    @param secrets: what must not be in its output either.
    """
    environment = base_environment() | {"LISTEN_PORT": "0", "DRAIN_SECONDS": "1"} | dict(settings)
    process = ServiceProcess(cast(Any, reactor), environment, service=service)

    async def stop() -> None:
        status = await process.stop(_STOP_SECONDS)
        canaries = canaries_of(environment)
        canaries.add(*secrets)
        test.assertEqual(status, 0)
        test.assertEqual([line for line in process.lines if "Traceback" in line], [])
        test.assertEqual(canaries.found_in(process.lines), [])

    test.addCleanup(stop)
    await process.start(_START_SECONDS)
    await process.wait_until_healthy(_START_SECONDS, authority, path=_HEALTH[service])
    return process


async def run(*command: str | Path, directory: Path | None = None) -> bytes:
    """
    Run another program and return its standard output.

    @param directory: where it runs, if not here.
    @raise AssertionError: it is not installed, or it failed; with what it wrote.
    """
    name, *arguments = map(str, command)
    output, errors, status = await getProcessOutputAndValue(
        found_program(name),
        arguments,
        {"PATH": _program_path(), "LC_ALL": "C.UTF-8"},
        None if directory is None else str(directory),
    )
    if status:
        text = (output + errors)[-4000:].decode("utf-8", "replace")
        raise AssertionError(f"{name} ended with status {status}: {text}")
    return bytes(output)


def found_program(*names: str, profile: str = "test") -> str:
    """
    Where the first of the programs that is here is.

    @param profile: the one of bindep.txt that has their packages.
    @raise AssertionError: none is: a test that lacks a program fails, it is not skipped.
    """
    for name in names:
        if found := shutil.which(name, path=_program_path()):
            return found
    raise AssertionError(
        f"{' or '.join(names)} is not installed; run: requirements/packages.sh {profile}"
    )


def require_root() -> None:
    """
    For what only root can do.

    @raise AssertionError: this is another user: a test that cannot run fails, it is not skipped.
    """
    if os.geteuid() != 0:
        raise AssertionError("this needs root; run make by sudo")


def _program_path() -> str:
    """Debian has mkfs.vfat and others in directories that only root's PATH has."""
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"
