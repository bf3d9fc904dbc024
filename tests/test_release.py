"""What a release tells: what is new in it, and what it runs on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from assisted_images import __version__
from demo.service import ROOT


def output_of(program: str, *arguments: str) -> str:
    """What a program of this environment prints."""
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise AssertionError(ended.stdout + ended.stderr)
    return ended.stdout


class NewsTests(SynchronousTestCase):
    def test_fragments(self) -> None:
        """Each is of an issue, and of a kind that towncrier is told of: others it leaves out."""
        known = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]["type"]
        kinds = "|".join(one["directory"] for one in known)
        wrong = [
            path.name
            for path in (ROOT / "newsfragments").iterdir()
            if not re.fullmatch(rf"[0-9]+\.({kinds})(\.[0-9]+)?\.md", path.name)
            or not path.read_text().strip()
        ]
        self.assertEqual(wrong, [])

    def test_news(self) -> None:
        """Under the version that the package has, with each fragment's beginning."""
        news = " ".join(output_of("towncrier", "build", "--draft").split())
        self.assertIn(f"## {__version__} (", news)
        for path in (ROOT / "newsfragments").iterdir():
            words = path.read_text().split()[:6]
            self.assertIn(" ".join(words), news, path.name)

    def test_place(self) -> None:
        """Where towncrier puts it."""
        text = (ROOT / "NEWS.md").read_text()
        self.assertEqual(text.count("<!-- towncrier release notes start -->\n"), 1)


class SbomTests(SynchronousTestCase):
    def test_is_what_is_locked(self) -> None:
        """The command of C{make sbom}: every locked version, with its hashes."""
        locked = ROOT / "requirements/run.txt"
        wanted = re.findall(r"^([\w.-]+)(?:\[.*?\])?==([^ ;\\]+)", locked.read_text(), re.MULTILINE)
        words = ["requirements", "--output-reproducible", "--output-format", "JSON"]
        sbom = json.loads(output_of("cyclonedx-py", *words, str(locked)))
        self.assertEqual(sbom["bomFormat"], "CycloneDX")
        found = {(one["name"], one["version"]): one for one in sbom["components"]}
        self.assertGreater(len(found), 20)
        self.assertEqual(set(found), set(wanted))
        for one in found.values():
            self.assertTrue(one["externalReferences"][0]["hashes"], one["name"])
