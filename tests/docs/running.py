"""Pages run as somebody at a shell runs them, in an empty folder."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from demo.service import ROOT
from tests.docs.pages import Page
from tests.docs.places import real_places
from tests.docs.script import difference, script
from tests.docs.surroundings import host_of, steps_before
from tests.running import base_environment, found_program

reactor: Any = _reactor

_SHOWN = 6000
"""Characters of what a command has said before it failed."""


class PageTestCase(TestCase):
    """Runs pages."""

    async def run_page(self, page: Page, *, at_length: bool) -> None:
        """
        Run what of a page is run, and compare what it prints.

        @raise AssertionError: a command failed, or printed something else; with the page's line.
        """
        folder, outputs = self._folder(), self._folder()
        places = real_places(host_of(page))
        steps = [
            replace(block, text=places(block.text), printed=block.printed and places(block.printed))
            for block in (*steps_before(page), *page.steps(at_length=at_length))
        ]
        shell = _Shell()
        file = outputs / "script"
        file.write_text(script(steps, outputs))
        self.addCleanup(shell.end)
        # A session of its own: whatever it leaves is known by it.
        shell.start(["setsid", "bash", str(file)], _environment(self._folder()), folder)
        status = await shell.ended
        begun = [number for number, _ in enumerate(steps) if (outputs / f"{number}").exists()]
        if status:
            last = max(begun, default=0)
            said = (outputs / f"{last}").read_text(errors="replace") if begun else ""
            raise AssertionError(
                f"{page.name}:{steps[last].line}: status {status}\n{steps[last].text}\n"
                f"{(said + shell.output)[-_SHOWN:]}"
            )
        for number in begun:
            said = (outputs / f"{number}").read_text(errors="replace")
            if found := difference(steps[number], said):
                raise AssertionError(f"{page.name}:{steps[number].line}: {found}")

    def _folder(self) -> Path:
        folder = Path(self.mktemp()).resolve()
        folder.mkdir(parents=True)
        return folder


def test_of(page: Page, *, at_length: bool) -> tuple[str, Callable[..., Coroutine[Any, Any, None]]]:
    """The test of a page, and its name."""

    async def run_it(case: PageTestCase) -> None:
        await case.run_page(page, at_length=at_length)

    return f"test_{re.sub(r'[^a-z0-9]+', '_', page.name.lower()).removesuffix('_md')}", run_it


def _environment(home: Path) -> dict[str, str]:
    """That of somebody who has installed this project, and has nothing at home."""
    found = base_environment()
    del found["PYTHONPATH"]
    caches = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return (
        found
        | pip
        | {
            "PATH": f"{Path(sys.executable).parent}:{found['PATH']}:/usr/sbin:/sbin",
            "HOME": str(home),
            "XDG_CACHE_HOME": caches,
            "ROOT": str(ROOT),
            "TERM": "dumb",
        }
    )


class _Shell(ProcessProtocol):
    """A process that leads a session."""

    def __init__(self) -> None:
        self.ended: Deferred[int] = Deferred()
        self.output = ""
        self._pid = 0

    def start(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        program = found_program(command[0])
        process = reactor.spawnProcess(self, program, command, environment, str(folder))
        process.closeStdin()
        self._pid = process.pid

    def outReceived(self, data: bytes) -> None:
        self.output += data.decode("utf-8", "replace")

    errReceived = outReceived

    def processEnded(self, reason: Failure) -> None:
        error: Any = reason.value
        self.ended.callback(-error.signal if error.signal else error.exitCode)

    async def end(self) -> None:
        """End it, where the test has been given up, and whatever it has left."""
        if not self.ended.called:
            os.kill(self._pid, SIGTERM)
        for pid in _session(self._pid):
            os.kill(pid, SIGKILL)
        await self.ended


def _session(leader: int) -> list[int]:
    """The processes of a session: the sixth field of C{/proc/pid/stat} (proc(5))."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(place.parent.name))
    return found
