"""Infra-envs from a directory."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.sources.infra_envs import ConfigurationRequest, InfraEnvError
from assisted_images.sources.local import LocalInfraEnvs
from assisted_images.streaming.threads import run_at_once
from assisted_images.values import Configuration, ImageType
from tests.sources.test_infra_envs import infra_env

ID = "0ab1c2d3-0000-4000-8000-00000000000f"


class LocalInfraEnvsTests(SynchronousTestCase):
    """Section 6 of the contract."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        (self.directory / ID).mkdir(parents=True)
        self.write("discovery.ign", b"IGNITION", 1000)
        self.source = LocalInfraEnvs(self.directory, run_at_once)

    def write(self, name: str, content: bytes, modified: float) -> None:
        path = self.directory / ID / name
        path.write_bytes(content)
        os.utime(path, (modified, modified))

    def ask(
        self, image_type: ImageType | None = ImageType.MINIMAL, infra_env_id: str = ID
    ) -> Configuration:
        request = ConfigurationRequest(infra_env_id, image_type)
        return self.successResultOf(Deferred.fromCoroutine(self.source.configuration(request)))

    def refusal(self, infra_env_id: str = ID) -> InfraEnvError:
        request = ConfigurationRequest(infra_env_id, ImageType.FULL)
        answer = Deferred.fromCoroutine(self.source.configuration(request))
        error: InfraEnvError = self.failureResultOf(answer, InfraEnvError).value
        return error

    def test_all_files(self) -> None:
        self.write("minimal-initrd", b"RAMDISK", 3000)
        self.write("infra-env.json", infra_env([{"operation": "append", "value": "p1"}]), 2000)
        self.assertEqual(self.ask(), Configuration(b"IGNITION", b"RAMDISK", ("p1",), 3000))
        self.assertEqual(self.ask(ImageType.FULL), Configuration(b"IGNITION", b"", ("p1",), 2000))
        self.assertEqual(self.ask(None), Configuration(b"IGNITION", b"RAMDISK", (), 3000))

    def test_only_the_required_file(self) -> None:
        self.assertEqual(self.ask(), Configuration(b"IGNITION", b"", (), 1000))

    def test_edits_count_at_once(self) -> None:
        self.ask()
        self.write("discovery.ign", b"EDITED", 2000)
        self.assertEqual(self.ask().ignition, b"EDITED")

    def test_unknown(self) -> None:
        unknown = "ffffffff-0000-4000-8000-00000000000f"
        error = self.refusal(unknown)
        self.assertEqual(error.status, 404)
        self.assertIn(f"there is no infra-env {unknown}", str(error))

    def test_without_ignition(self) -> None:
        (self.directory / ID / "discovery.ign").unlink()
        self.assertEqual(self.refusal().status, 404)

    def test_only_ids_become_paths(self) -> None:
        """Not even an id that exists as a directory is looked at unless it is a lower-case UUID."""
        for name in ["..", ".", "", "x/../" + ID, ID.upper(), ID + "\n", "plain"]:
            error = self.refusal(name)
            self.assertEqual(error.status, 404)
            self.assertIn("lower-case UUID", str(error))

    def test_unreadable(self) -> None:
        (self.directory / ID / "infra-env.json").mkdir()
        error = self.refusal()
        self.assertEqual(error.status, 500)
        self.assertIn("Is a directory", str(error))

    def test_malformed_infra_env(self) -> None:
        self.write("infra-env.json", b"{", 2000)
        self.assertEqual(self.refusal().status, 500)
