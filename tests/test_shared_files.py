"""The files below C{share/}: as they would be made now, and fit for who reads them."""

from __future__ import annotations

import re
import subprocess

from twisted.trial.unittest import SynchronousTestCase

from demo.service import ROOT
from tests.running import found_program
from tests.shared_files import PROGRAMS, shared_files

_SHARE = ROOT / "share"


class SharedFilesTests(SynchronousTestCase):
    def test_as_they_would_be_made(self) -> None:
        """A command or an option that is new is in them, too."""
        found = {
            str(path.relative_to(_SHARE)): path.read_text("utf-8")
            for path in _SHARE.rglob("*")
            if path.is_file()
        }
        expected = shared_files()
        self.assertEqual(found.keys(), expected.keys())
        for place, content in expected.items():
            self.assertTrue(found[place] == content, f"share/{place}: run make share")


class ManualPageTests(SynchronousTestCase):
    def warnings(self, *command: str) -> list[str]:
        """What a program says about each page."""
        said: list[str] = []
        for program in PROGRAMS:
            page = _SHARE / "man" / "man1" / f"{program.program}.1"
            done = subprocess.run(
                [found_program(command[0]), *command[1:], str(page)],
                capture_output=True,
                check=False,
                text=True,
            )
            said += (done.stdout + done.stderr).splitlines()
        return said

    def test_mandoc(self) -> None:
        """They have no date: they are made anew with each change."""
        said = self.warnings("mandoc", "-T", "lint", "-W", "warning")
        self.assertEqual([line for line in said if "missing date" not in line], [])

    def test_groff(self) -> None:
        self.assertEqual(self.warnings("groff", "-ww", "-z", "-man", "-Tutf8"), [])

    def test_what_is_read(self) -> None:
        """What looks like the language of the page is shown as it is."""
        text = "\n".join(self.warnings("mandoc", "-T", "utf8", "-O", "width=1000"))
        # Terminals show bold or underlined what is written over another letter.
        shown = " ".join(re.sub(".\b", "", text).split())
        for expected in (
            "--kargs-replace=value Replace the value of a kernel argument: KEY=OLD=NEW;",
            "-o, --output=value file to be made, or - for standard output (required)",
            "| ssh host 'cat > host.iso'",
        ):
            self.assertIn(expected, shown)
