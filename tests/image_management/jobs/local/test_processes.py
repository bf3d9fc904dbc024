"""Programs: what they get, and that nothing of them is left."""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.trial.unittest import TestCase

from image_management.jobs.local import unpack
from image_management.jobs.local.inside import write_new
from image_management.jobs.local.leftovers import end_leftovers
from image_management.jobs.local.processes import Limits, ProgramFailed, Programs, environment
from tests.httpd.outbound.servers import trial_reactor
from tests.image_management.jobs.local.archives import tar_of
from tests.running import require_root, run

LIMITS = Limits(memory=1024**3, file=1024**2)


class ProgramTests(TestCase):
    timeout = 300

    def setUp(self) -> None:
        require_root()
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        self.log = self.folder / "log"
        self.log.touch()
        self.reactor: Any = trial_reactor()
        self.programs = Programs(self.reactor, environment({"SECRET": "x", "https_proxy": "p"}))

    async def run_script(self, script: str, limits: Limits = LIMITS) -> str:
        before = self.log.stat().st_size
        await self.programs.run(["sh", "-c", script], self.folder, self.log, limits)
        return self.log.read_text()[before:]

    async def failure(self, script: str, limits: Limits = LIMITS) -> str:
        try:
            await self.run_script(script, limits)
        except ProgramFailed as failed:
            return str(failed)
        raise AssertionError("it went well")

    async def logged(self, text: str) -> None:
        while text not in self.log.read_text():
            await deferLater(self.reactor, 0.01)

    async def test_environment(self) -> None:
        said = await self.run_script("pwd; env; cat; echo to stderr >&2")
        names = {line.partition("=")[0] for line in said.splitlines() if "=" in line}
        expected = {"PATH", "LANG", "XZ_OPT", "HOME", "https_proxy"}
        self.assertEqual(names - {"PWD", "OLDPWD", "_"}, expected)
        self.assertIn(f"HOME={self.folder}\n", said)
        self.assertTrue(said.startswith(f"{self.folder}\n"))
        self.assertTrue(said.endswith("to stderr\n"))

    async def test_failures(self) -> None:
        lines = "for x in $(seq 30); do echo line $x; done; "
        text = await self.failure(f"{lines} exit 7")
        self.assertTrue(text.startswith("sh ended with status 7: line 11\n"), text)
        self.assertEqual(await self.failure("kill -9 $$"), "sh was ended by SIGKILL: Killed")
        self.assertIn("SIGXFSZ", await self.failure("head -c 2000000 /dev/zero > large"))
        self.assertLessEqual((self.folder / "large").stat().st_size, LIMITS.file)
        python = "python3 -c 'bytearray(2 << 30)'"
        self.assertIn("MemoryError", await self.failure(python))

    async def test_ended(self) -> None:
        """With everything that it has started, whatever that does about it; and its mounts."""
        mount = f"mkdir {self.folder}/m; mount -t tmpfs x {self.folder}/m && echo mounted"
        stubborn = "trap '' TERM; (setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' &)"
        running = Deferred.fromCoroutine(
            self.run_script(f"{mount}; {stubborn}; echo begun; sleep 1 & wait; sleep 1")
        )
        await self.logged("begun")
        self.assertIn("mounted", self.log.read_text())
        self.assertNotIn(str(self.folder), Path("/proc/self/mountinfo").read_text())
        running.cancel()
        await self.assertFailure(running, CancelledError)
        self.assertEqual(processes_below(self.folder), [])

    async def test_endless_template(self) -> None:
        """A recipe is unpacked by nobody, who sees nothing else, and has so much time."""
        loop = b"{% for x in range(99999) %}" * 2 + b"{% endfor %}" * 2
        archive, dictionary = self.folder / "recipe.tgz", self.folder / "dictionary"
        archive.write_bytes(
            tar_of({"x": loop, ".ims_recipe_template.yaml": b"template_files: [x]"})
        )
        dictionary.write_text('{"a": "b"}')
        recipe = self.folder / "recipe"
        recipe.mkdir()
        command = [sys.executable, "-P", "-m", unpack.__name__, str(1024**2), "1"]
        with archive.open("rb") as given, dictionary.open("rb") as pairs:
            files = {0: given.fileno(), unpack.DICTIONARY_FILE: pairs.fileno()}
            self.privileges: set[str] = set()
            looking = LoopingCall(self.look_at_privileges, recipe)
            looking.start(0.05)
            with self.assertRaises(ProgramFailed) as failed:
                await self.programs.run(command, recipe, self.log, LIMITS, files)
            looking.stop()
        self.assertIn("SIGALRM", str(failed.exception))
        self.assertEqual(self.privileges, {"1"}, "it can gain none")
        self.assertEqual((recipe / "x").stat().st_uid, 65534)

    def look_at_privileges(self, root: Path) -> None:
        """Whether those whose root that is may not gain any (prctl(2), PR_SET_NO_NEW_PRIVS)."""
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "root").samefile(root):  # whose path others may see otherwise
                    status = (process / "status").read_text()
                    self.privileges |= set(re.findall("NoNewPrivs:\t(.)", status))

    async def test_leftovers(self) -> None:
        running = Deferred.fromCoroutine(self.run_script("echo begun; sleep 3600"))
        await self.logged("begun")
        self.assertNotEqual(processes_below(self.folder), [])
        await end_leftovers(self.reactor, self.folder.parent)
        await self.assertFailure(running, ProgramFailed)
        self.assertEqual(processes_below(self.folder), [])

    async def test_stray_mounts(self) -> None:
        """They are detached, deepest first, and nothing else is."""
        there, beside = self.folder / "it has a space", self.folder.with_name("beside")
        (there / "deep").mkdir(parents=True)
        beside.mkdir()
        await run("mount", "-t", "tmpfs", "x", beside)
        try:
            await run("mount", "-t", "tmpfs", "x", there)
            (there / "deep").mkdir()
            (there / "deep" / "file").touch()
            await run("mount", "-t", "tmpfs", "x", there / "deep")
            await end_leftovers(self.reactor, self.folder)
            self.assertEqual([*there.iterdir()], [there / "deep"])
            self.assertFalse(there.is_mount())
            self.assertTrue(beside.is_mount())
        finally:
            await run("umount", beside)

    def test_written_inside(self) -> None:
        """Not where links lead that are somebody else's."""
        root, outside = self.folder / "root", self.folder / "outside"
        root.mkdir()
        outside.mkdir()
        (root / "etc").symlink_to("/real/etc")
        (root / "real/etc").mkdir(parents=True)
        for _ in range(2):
            write_new(root, "etc/cray/ca/ca.crt", b"new")
        self.assertEqual((root / "real/etc/cray/ca/ca.crt").read_bytes(), b"new")
        (root / "real/etc/cray/ca/ca.crt").unlink()
        (root / "real/etc/cray/ca/ca.crt").symlink_to(outside / "x")
        write_new(root, "etc/cray/ca/ca.crt", b"new")
        self.assertEqual([*outside.iterdir()], [])
        (root / "etc").unlink()
        (root / "etc").symlink_to(outside)
        with self.assertRaises(OSError):
            write_new(root, "etc/cray/ca/ca.crt", b"new")


def processes_below(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"HOME={folder}".encode() in (process / "environ").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found
