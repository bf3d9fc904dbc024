"""Infra-envs from a directory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.infra_envs.configurations import (
    LARGEST_PART,
    ConfigurationRequest,
    InfraEnvError,
)
from assisted_images.infra_envs.local import PATIENCE_SECONDS, LocalInfraEnvs, _Look
from assisted_images.rootfs.cpio import gzipped
from assisted_images.values import (
    Configuration,
    ImageType,
    KernelArgumentEdit,
    KernelArgumentOperation,
)
from httpd.concurrency.threads import RunInThread, run_at_once
from httpd.concurrency.turns import Turns
from tests.assisted_images.infra_envs.test_configurations import infra_env
from tests.assisted_images.kernel_arguments import appended

ID = "0ab1c2d3-0000-4000-8000-00000000000f"
HOST = "52-54-00-12-34-56"
IGNITION = b'{"ignition": {"version": "3.2.0"}}'
RAMDISK = gzipped("etc/x", b"x", 0o100644)


class LocalInfraEnvsTests(SynchronousTestCase):
    """Files in place of assisted-service's answers."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        (self.directory / ID).mkdir(parents=True)
        self.write("discovery.ign", IGNITION, 1000)
        self.clock = Clock()
        self.source = self.source_with(run_at_once)
        self.passed = 0.0

    def source_with(self, run_in_thread: RunInThread) -> LocalInfraEnvs:
        turns = Turns(run_in_thread, self.clock, PATIENCE_SECONDS)
        return LocalInfraEnvs(self.directory, turns, self.now)

    def now(self) -> float:
        return time.time() + self.passed

    def write(self, name: str, content: bytes, modified: float) -> None:
        path = self.directory / ID / name
        path.write_bytes(content)
        os.utime(path, (modified, modified))

    def ask(
        self,
        image_type: ImageType | None = ImageType.MINIMAL,
        infra_env_id: str = ID,
        host: str | None = None,
    ) -> Configuration:
        request = ConfigurationRequest(infra_env_id, image_type, host=host)
        return self.successResultOf(Deferred.fromCoroutine(self.source.configuration(request)))

    def refusal(self, infra_env_id: str = ID, host: str | None = None) -> InfraEnvError:
        request = ConfigurationRequest(infra_env_id, ImageType.FULL, host=host)
        answer = Deferred.fromCoroutine(self.source.configuration(request))
        error: InfraEnvError = self.failureResultOf(answer, InfraEnvError).value
        return error

    def test_all_files(self) -> None:
        self.write("minimal-initrd", RAMDISK, 3000)
        self.write("infra-env.json", infra_env([{"operation": "append", "value": "p1"}]), 2000)
        self.assertEqual(self.ask(), Configuration(IGNITION, RAMDISK, appended("p1"), 3000))
        self.assertEqual(
            self.ask(ImageType.FULL), Configuration(IGNITION, b"", appended("p1"), 2000)
        )
        self.assertEqual(self.ask(None), Configuration(IGNITION, RAMDISK, (), 3000))

    def test_host(self) -> None:
        """What it has more is behind what all have; without anything it is like all."""
        own = gzipped("etc/y", b"host", 0o100600)
        self.write("minimal-initrd", RAMDISK, 3000)
        self.write("infra-env.json", infra_env([{"operation": "append", "value": "p1"}]), 2000)
        self.assertEqual(self.ask(host=HOST), self.ask())
        (self.directory / ID / "hosts" / HOST).mkdir(parents=True)
        self.assertEqual(self.ask(host=HOST), self.ask())
        self.write(f"hosts/{HOST}/minimal-initrd", own, 3500)
        arguments = [{"operation": "delete", "value": "p1"}, {"operation": "append", "value": "p2"}]
        self.write(f"hosts/{HOST}/infra-env.json", infra_env(arguments), 4000)
        joined = RAMDISK + bytes(-len(RAMDISK) % 4) + own
        edits = (
            *appended("p1"),
            KernelArgumentEdit(KernelArgumentOperation.DELETE, "p1"),
            *appended("p2"),
        )
        self.assertEqual(self.ask(host=HOST), Configuration(IGNITION, joined, edits, 4000))
        self.assertEqual(
            self.ask(ImageType.FULL, host=HOST), Configuration(IGNITION, b"", edits, 4000)
        )
        self.assertEqual(self.ask(None, host=HOST), Configuration(IGNITION, joined, (), 3500))
        self.assertEqual(self.ask(), Configuration(IGNITION, RAMDISK, appended("p1"), 3000))
        (self.directory / ID / "minimal-initrd").unlink()
        self.assertEqual(self.ask(None, host=HOST).ramdisk, own)

    def test_kept_for_each_host(self) -> None:
        self.passed = 60
        other = HOST[::-1]
        (self.directory / ID / "hosts" / HOST).mkdir(parents=True)
        self.write(f"hosts/{HOST}/minimal-initrd", RAMDISK, 500)
        for host, ramdisk in ((HOST, RAMDISK), (other, b""), (None, b"")):
            kept = self.ask(host=host)
            self.assertEqual(kept.ramdisk, ramdisk)
            self.assertIs(self.ask(host=host), kept)
        self.write(f"hosts/{HOST}/minimal-initrd", b"", 600)
        self.assertEqual(self.ask(host=HOST).ramdisk, b"")

    def test_wrong_file_of_a_host(self) -> None:
        (self.directory / ID / "hosts" / HOST).mkdir(parents=True)
        self.write(f"hosts/{HOST}/infra-env.json", b"{", 1)
        error = self.refusal(host=HOST)
        self.assertEqual(error.status, 500)
        self.assertIn(f"{ID}/hosts/{HOST}/infra-env.json: the infra-env or", str(error))
        self.ask(None, host=HOST)
        self.ask(ImageType.FULL)

    def test_only_the_required_file(self) -> None:
        self.assertEqual(self.ask(), Configuration(IGNITION, b"", (), 1000))

    def test_files_that_do_not_change_are_read_once(self) -> None:
        """All requests get the same object then; for each kind of image."""
        self.passed = 60
        for image_type in (None, ImageType.FULL, ImageType.MINIMAL):
            self.assertIs(self.ask(image_type), self.ask(image_type))

    def test_what_is_kept_is_bounded(self) -> None:
        """In bytes: what was asked for longest ago is read again, and what is larger always."""
        self.passed = 60
        size = self.ask(ImageType.FULL).size
        for kept, largest_total in ((True, 2 * size), (False, 2 * size - 1), (False, size - 1)):
            turns = Turns(run_at_once, self.clock, PATIENCE_SECONDS)
            self.source = LocalInfraEnvs(self.directory, turns, self.now, largest_total)
            first = self.ask(ImageType.FULL)
            self.ask(None)
            self.assertEqual(self.ask(ImageType.FULL) is first, kept)

    def test_edits_count_at_once(self) -> None:
        """Whether it is another size, another time, another file, or one more."""
        for self.passed in (0, 60):
            self.ask()
            self.write("discovery.ign", b'{"EDITED": 1}', 1000)
            self.assertEqual(self.ask().ignition, b'{"EDITED": 1}')
            self.write("discovery.ign", b'{"EDITOR": 1}', 2000)
            self.assertEqual(self.ask().ignition, b'{"EDITOR": 1}')
            new = self.directory / "new"
            new.write_bytes(b'{"EDITAL": 1}')
            os.utime(new, (2000, 2000))
            new.rename(self.directory / ID / "discovery.ign")
            self.assertEqual(self.ask().ignition, b'{"EDITAL": 1}')
            self.write("minimal-initrd", RAMDISK, 500)
            self.assertEqual(self.ask().ramdisk, RAMDISK)
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

    def put(self, name: str, make: Callable[[Path], object]) -> None:
        """Something else in the place of a file."""
        path = self.directory / ID / name
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        make(path)

    def test_not_a_regular_file(self) -> None:
        """Who reads a FIFO waits for somebody who writes; it is not even opened."""
        for name in ("discovery.ign", "infra-env.json"):
            for make in (
                Path.mkdir,
                os.mkfifo,
                lambda path: path.symlink_to("/dev/zero"),
            ):
                with self.subTest(name):
                    self.put(name, make)
                    error = self.refusal()
                    self.assertEqual(error.status, 500)
                    self.assertEqual(str(error), f"{ID}/{name} is no regular file; expected one")
            self.put(name, lambda path: path.write_bytes(b"{}"))

    def test_becomes_a_fifo_after_the_look(self) -> None:
        def run(function: Any, *args: Any) -> Deferred[Any]:
            with mock.patch.object(_Look, "at", return_value=_Look((), 0)):
                return run_at_once(function, *args)

        self.source = self.source_with(cast(RunInThread, run))
        self.put("discovery.ign", os.mkfifo)
        self.assertIn("is no regular file", str(self.refusal()))

    def test_too_large(self) -> None:
        """Of a file with holes of 3 GiB nothing is read."""
        for name in ("discovery.ign", "infra-env.json"):
            self.write(name, b"{}", 1000)
            os.truncate(self.directory / ID / name, LARGEST_PART + 1)
            error = self.refusal()
            self.assertEqual(error.status, 500)
            self.assertEqual(
                str(error),
                f"{ID}/{name} is too large: 67108865 bytes; expected at most 67108864",
            )
            self.write(name, b"{}", 1000)

    def test_unreadable(self) -> None:
        """Whichever error the file system has; it is named with the file."""
        for name in ("discovery.ign", "infra-env.json"):
            self.put(name, lambda path: path.symlink_to(path.name))
            error = self.refusal()
            self.assertEqual(error.status, 500)
            self.assertEqual(
                str(error), f"{ID}/{name} cannot be read: Too many levels of symbolic links"
            )
            self.put(name, lambda path: path.write_bytes(b"{}"))

    def test_file_system_that_hangs(self) -> None:
        """
        Nothing is done in the caller's thread; its requests end in time, and take one thread all
        together; other infra-envs are served; and so is this one when it comes back.
        """
        other = "ffffffff-0000-4000-8000-00000000000f"
        (self.directory / other).mkdir()
        (self.directory / other / "discovery.ign").write_bytes(b"{}")
        hanging: list[Callable[[], object]] = []

        def run(function: Any, *args: Any) -> Deferred[Any]:
            if args[0].name == other:
                return run_at_once(function, *args)
            ended: Deferred[Any] = Deferred()
            hanging.append(lambda: run_at_once(function, *args).chainDeferred(ended))
            return ended

        self.source = self.source_with(cast(RunInThread, run))
        request = ConfigurationRequest(ID, ImageType.FULL)
        asked = [Deferred.fromCoroutine(self.source.configuration(request)) for _ in range(3)]
        self.assertEqual(self.ask(infra_env_id=other).ignition, b"{}")
        self.clock.advance(PATIENCE_SECONDS)
        for answer in asked:
            error: InfraEnvError = self.failureResultOf(answer, InfraEnvError).value
            self.assertEqual(error.status, 504)
            self.assertEqual(
                str(error), f"the files of infra-env {ID} could not be read: not within 10 s"
            )
        self.assertEqual(len(hanging), 1)
        late = Deferred.fromCoroutine(self.source.configuration(request))
        self.assertNoResult(late)
        hanging[0]()
        hanging[1]()
        self.assertEqual(self.successResultOf(late).ignition, IGNITION)

    def test_malformed_infra_env(self) -> None:
        self.write("infra-env.json", b"{", 2000)
        error = self.refusal()
        self.assertEqual(error.status, 500)
        self.assertIn(f"{ID}/infra-env.json: the infra-env", str(error))

    def test_wrong_content(self) -> None:
        """It is refused with the file's name, and not served; nothing of it is quoted."""
        for name, content, reason in (
            ("discovery.ign", b"swordfish", "no Ignition config (JSON is malformed"),
            ("minimal-initrd", b"swordfish", "no ramdisk (the cpio archive at byte 0"),
            ("infra-env.json", b'{"kernel_arguments": "swordfish"}', "the infra-env or its"),
        ):
            self.write(name, content, 2000)
            request = ConfigurationRequest(ID, ImageType.MINIMAL)
            answer = Deferred.fromCoroutine(self.source.configuration(request))
            error: InfraEnvError = self.failureResultOf(answer, InfraEnvError).value
            self.assertEqual(error.status, 500)
            self.assertTrue(str(error).startswith(f"{ID}/{name}: {reason}"), str(error))
            self.assertNotIn("swordfish", str(error))
            self.write(name, {"minimal-initrd": RAMDISK}.get(name, b"{}"), 2000)
        self.assertEqual(self.ask().ramdisk, RAMDISK)
