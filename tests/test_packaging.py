"""What a built wheel holds."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from assisted_images import __version__
from demo.service import ROOT
from tests.shared_files import shared_files

_CACHES = shutil.ignore_patterns("__pycache__", "dropin.cache")


class WheelTests(SynchronousTestCase):
    """An installed wheel is the whole service, without the repository."""

    def test_holds_every_module_and_the_plugin(self) -> None:
        """A new package that setup.cfg does not list would be missing."""
        wheels = Path(self.mktemp()).resolve()
        copy = Path(self.mktemp()).resolve()
        for directory in ("share", "src", "twisted"):
            shutil.copytree(ROOT / directory, copy / directory, ignore=_CACHES)
        for name in ("setup.cfg", "pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, copy)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
        command += ["--no-build-isolation", "--wheel-dir", str(wheels), str(copy)]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(built.returncode, 0, built.stdout + built.stderr)
        (wheel,) = wheels.glob("*.whl")
        self.assertTrue(wheel.name.startswith(f"assisted_images-{__version__}-"), wheel.name)
        with zipfile.ZipFile(wheel) as archive:
            held = {name for name in archive.namelist() if ".dist-info/" not in name}
        source = ROOT / "src"
        kept = {
            str(path.relative_to(source))
            for pattern in ("*.py", "*.yaml", "*.css", "*.js", "*.svg")
            for path in source.rglob(pattern)
        }
        expected = kept | {
            *(
                f"{package}/py.typed"
                for package in ("assisted_images", "httpd", "image_management")
            ),
            "twisted/plugins/assisted_images_plugin.py",
            "twisted/plugins/image_management_plugin.py",
        }
        data = f"assisted_images-{__version__}.data/data/share"
        expected |= {f"{data}/{place}" for place in shared_files()}
        self.assertEqual(held, expected)
