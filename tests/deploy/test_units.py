"""Units of systemd, by its own programs; quadlets, by what podman-systemd.unit(5) has."""

from __future__ import annotations

import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import yaml
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.settings.table import SETTINGS
from demo.service import ROOT
from image_management.settings.table import SETTINGS as IMS_SETTINGS
from tests.running import found_program

_SYSTEMD = ROOT / "deploy/systemd"
_PODMAN = ROOT / "deploy/podman"
_MOST_EXPOSED = 2.0

_CONTAINER_KEYS = {
    *("ContainerName", "DropCapability", "EnvironmentFile", "Exec", "Group", "Image"),
    *("NoNewPrivileges", "Notify", "PodmanArgs", "PublishPort", "ReadOnly", "User", "Volume"),
}
"""What is used of those of podman 4.9; its generator refuses a file with any other."""


def read(path: Path) -> ConfigParser:
    """A unit; of several lines of one key the last."""
    parser = ConfigParser(strict=False, interpolation=None, delimiters=["="])
    parser.optionxform = str  # type: ignore[assignment]  # capitals stay
    parser.read(path)
    return parser


class UnitTests(SynchronousTestCase):
    def analyze(self, *words: str | Path) -> str:
        command = [found_program("systemd-analyze"), *map(str, words)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        return ended.stdout + ended.stderr

    def test_verified(self) -> None:
        """With a program that is there."""
        units = Path(self.mktemp()).resolve()
        units.mkdir()
        for unit in sorted(_SYSTEMD.glob("*.s*")):
            text = re.sub(
                "^ExecStart=/opt/assisted-images/bin/(.*) serve$",
                f"ExecStart={sys.executable} -m \\1 serve",
                unit.read_text(),
                flags=re.MULTILINE,
            )
            self.assertNotIn("/opt/assisted-images/bin", text)
            (units / unit.name).write_text(text)
        self.assertEqual(self.analyze("verify", "--man=no", *sorted(units.iterdir())), "")

    def test_exposure(self) -> None:
        """Little of the machine is open to the services, by systemd's own measure."""
        for unit in sorted(_SYSTEMD.glob("*.service")):
            said = self.analyze("security", "--offline=yes", "--no-pager", unit)
            measured = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
            assert measured is not None, said
            self.assertLessEqual(float(measured[1]), _MOST_EXPOSED)

    def test_quadlets(self) -> None:
        for quadlet in sorted(_PODMAN.glob("*.container")):
            unit = read(quadlet)
            self.assertEqual(set(unit.sections()), {"Unit", "Container", "Service", "Install"})
            self.assertLessEqual(set(unit["Container"]), _CONTAINER_KEYS)
            self.assertTrue((_PODMAN / f"{quadlet.stem}.volume").exists())

    def test_settings(self) -> None:
        """Every variable that a file here sets is one of the service's."""
        for service, settings in (
            ("assisted-images", SETTINGS),
            ("image-management", IMS_SETTINGS),
        ):
            names = {name for setting in settings for name in setting.names}
            files = [_SYSTEMD / f"{service}.env", _PODMAN / f"{service}.env"]
            lines = [line for file in files for line in file.read_text().splitlines()]
            found = {line.partition("=")[0] for line in lines if line and line[0] != "#"}
            documents = yaml.safe_load_all((_PODMAN / f"{service}.yaml").read_text())
            found |= set(next(documents)["data"])
            unit = read(_SYSTEMD / f"{service}.service")
            found.add(unit["Service"]["Environment"].partition("=")[0])
            self.assertTrue(found)
            self.assertLessEqual(found, names)
