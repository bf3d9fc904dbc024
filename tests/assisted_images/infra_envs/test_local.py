"""Infra-envs from a directory."""

from __future__ import annotations

import os
import time
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.infra_envs.configurations import ConfigurationRequest, InfraEnvError
from assisted_images.infra_envs.local import LocalInfraEnvs
from assisted_images.values import Configuration, ImageType
from httpd.concurrency.threads import run_at_once
from tests.assisted_images.infra_envs.test_configurations import infra_env

ID = "0ab1c2d3-0000-4000-8000-00000000000f"


class LocalInfraEnvsTests(SynchronousTestCase):
    """Files in place of assisted-service's answers."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        (self.directory / ID).mkdir(parents=True)
        self.write("discovery.ign", b"IGNITION", 1000)
        self.source = LocalInfraEnvs(self.directory, run_at_once, self.now)
        self.passed = 0.0

    def now(self) -> float:
        return time.time() + self.passed

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

    def test_files_that_do_not_change_are_read_once(self) -> None:
        """All requests get the same object then; for each kind of image."""
        self.passed = 60
        for image_type in (None, ImageType.FULL, ImageType.MINIMAL):
            self.assertIs(self.ask(image_type), self.ask(image_type))

    def test_edits_count_at_once(self) -> None:
        """Whether it is another size, another time, another file, or one more."""
        for self.passed in (0, 60):
            self.ask()
            self.write("discovery.ign", b"EDITED", 1000)
            self.assertEqual(self.ask().ignition, b"EDITED")
            self.write("discovery.ign", b"EDITOR", 2000)
            self.assertEqual(self.ask().ignition, b"EDITOR")
            new = self.directory / "new"
            new.write_bytes(b"EDITAL")
            os.utime(new, (2000, 2000))
            new.rename(self.directory / ID / "discovery.ign")
            self.assertEqual(self.ask().ignition, b"EDITAL")
            self.write("minimal-initrd", b"RAMDISK", 500)
            self.assertEqual(self.ask().ramdisk, b"RAMDISK")
            (self.directory / ID / "minimal-initrd").unlink()
            self.assertEqual(self.ask().ramdisk, b"")

    def test_edits_that_leave_no_trace(self) -> None:
        """Files that have just changed may be changing: what is read of them is not kept."""
        self.assertIsNot(self.ask(), self.ask())

    def test_removed(self) -> None:
        self.passed = 60
        self.ask(ImageType.FULL)
        (self.directory / ID / "discovery.ign").unlink()
        self.assertEqual(self.refusal().status, 404)

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
