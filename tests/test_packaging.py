"""What is built for others to install: a source distribution, and the wheel that is made of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from email.message import Message
from email.parser import Parser
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from twisted.trial.unittest import SynchronousTestCase

from assisted_images import __version__
from demo.service import ROOT
from tests.shared_files import shared_files

_NOT_SOURCE = shutil.ignore_patterns(
    *("__pycache__", "dropin.cache", "*.egg-info", "demo-data"),
    *(".git", ".venv", ".mypy_cache", ".ruff_cache", ".hypothesis", ".import_linter_cache"),
    *("_trial_temp*", "build", "dist", "site", "certs", "*.pem"),
)
_LOCKED = re.compile(r"^([\w.-]+)(?:\[.*?\])?==([^ ;\\]+)", re.MULTILINE)
_WANTED = re.compile(r"(?P<name>[\w.-]+)(?:\[.*?\])?(?P<bound>[^;]*)(?P<marker>.*)")
_PACKAGES = ("assisted_images", "httpd", "image_management")


@cache
def distributions() -> tuple[Path, Path]:
    """
    The source distribution of the repository, and the wheel made of that alone.

    @raise AssertionError: they cannot be built.
    """
    directory = Path(mkdtemp(dir="."))
    copy = directory.resolve() / "copy"
    shutil.copytree(ROOT, copy, ignore=_NOT_SOURCE)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(directory)]
    built = subprocess.run([*command, str(copy)], capture_output=True, text=True, check=False)
    if built.returncode:
        raise AssertionError(built.stdout + built.stderr)
    (source,), (wheel,) = directory.glob("*.tar.gz"), directory.glob("*.whl")
    return source.resolve(), wheel.resolve()


def _normal(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def metadata() -> Message:
    """Of the wheel."""
    with zipfile.ZipFile(distributions()[1]) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


class SourceTests(SynchronousTestCase):
    def test_is_whole(self) -> None:
        """What is in the repository for readers, testers and packagers is in it."""
        with tarfile.open(distributions()[0]) as archive:
            names = {name.partition("/")[2] for name in archive.getnames()}
        wanted = {"LICENSE", "NEWS.md", "README.md", "Makefile", "Containerfile", "MANIFEST.in"}
        for folder in ("docs", "deploy", "requirements", "share", "tests", "newsfragments"):
            kept = (path for path in (ROOT / folder).rglob("*") if path.is_file())
            wanted |= {
                str(path.relative_to(ROOT)) for path in kept if "__pycache__" not in path.parts
            }
        self.assertEqual(wanted - names, set())
        self.assertEqual([name for name in names if name.endswith((".pyc", ".cache"))], [])


class WheelTests(SynchronousTestCase):
    """An installed wheel is both services, without the repository."""

    def test_holds_every_module_and_the_plugin(self) -> None:
        """A new package that setup.cfg does not list would be missing."""
        wheel = distributions()[1]
        self.assertTrue(wheel.name.startswith(f"assisted_images-{__version__}-"), wheel.name)
        with zipfile.ZipFile(wheel) as archive:
            held = {name for name in archive.namelist() if ".dist-info/" not in name}
        source = ROOT / "src"
        kept = {
            str(path.relative_to(source))
            for path in source.rglob("*")
            if path.is_file()
            and "__pycache__" not in path.parts
            and not path.parent.name.endswith(".egg-info")
        }
        plugins = {f"twisted/plugins/{one.name}" for one in ROOT.glob("twisted/plugins/*.py")}
        data = f"assisted_images-{__version__}.data/data/share"
        shared = {f"{data}/{place}" for place in shared_files()}
        self.assertEqual(held, kept | plugins | shared)
        self.assertEqual(len(plugins), 2)
        self.assertLessEqual({f"{package}/py.typed" for package in _PACKAGES}, held)

    def test_says_what_it_is(self) -> None:
        said = metadata()
        self.assertEqual(said["License-Expression"], "Apache-2.0")
        self.assertEqual(said["License-File"], "LICENSE")
        self.assertIn("Apache License", (ROOT / "LICENSE").read_text())
        self.assertIn("Typing :: Typed", said.get_all("Classifier", []))
        self.assertEqual(said["Requires-Python"], ">=3.11")
        self.assertTrue(said.get_all("Project-URL"))
        self.assertIn("## Two commands", said.get_payload())

    def test_dependencies_are_as_old_as_was_tested(self) -> None:
        """Each has a lower bound, which is the series of the locked version."""
        text = (ROOT / "requirements/run.txt").read_text()
        locked = {_normal(name): version for name, version in _LOCKED.findall(text)}
        wanted = [_WANTED.match(one) for one in metadata().get_all("Requires-Dist", [])]
        self.assertGreater(len(wanted), 20)
        for one in filter(None, wanted):
            if "extra ==" not in one["marker"]:
                series = ".".join(locked[_normal(one["name"])].split(".")[:2])
                self.assertEqual(one["bound"], f">={series}", one["name"])

    def test_installed(self) -> None:
        """
        In an environment of its own, which has the dependencies of this one; that what is locked
        installs at all is what the container image is made by.
        """
        place = Path(self.mktemp()).resolve()
        venv.create(place)
        python = str(place / "bin/python")
        install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
        subprocess.run([*install, "--no-deps", "--no-index", distributions()[1]], check=True)
        (packages,) = place.glob("lib/python*/site-packages")
        (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
        environment = {"PATH": os.defpath}
        for command in (
            [str(place / "bin/assisted-images"), "--version"],
            [str(place / "bin/image-management"), "--version"],
            [python, "-m", "assisted_images", "--version"],
            [python, "-c", _TWISTD, "assisted-images", "--version"],
            [python, "-c", _TWISTD, "image-management", "--version"],
            [python, "-c", _PLACES],
        ):
            ended = subprocess.run(
                command,
                cwd="/",
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
            if command[-1] == "--version":
                self.assertEqual(ended.stdout.split()[-1], __version__)
        self.assertEqual(
            {Path(line).parent.parent for line in ended.stdout.splitlines()}, {packages}
        )


_TWISTD = "from twisted.scripts.twistd import run; run()"
_PLACES = """
import assisted_images, httpd, image_management
for one in (assisted_images, httpd, image_management):
    print(one.__file__)
"""
"""Prints where the packages are that it finds."""
