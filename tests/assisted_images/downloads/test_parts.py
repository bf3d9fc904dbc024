"""A download's file on disk."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.downloads.parts import NoSpace, Part, PartInUse, Provenance, lock_file

PROVENANCE = Provenance("digest", '"one"', '"one"', 86400.0, 6)


class PartTests(SynchronousTestCase):
    """What is kept, and who may have it."""

    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.target = directory / "image.iso"
        self.part_path = directory / "image.iso.part"

    def open(self) -> Part:
        part = Part.open(self.target)
        self.addCleanup(part.close)
        return part

    def test_goes_on_after_a_restart(self) -> None:
        part = self.open()
        self.assertEqual((part.size, part.provenance), (0, None))
        part.restart(PROVENANCE)
        part.append([b"abc", b"d"])
        self.assertEqual(part.sha256, hashlib.sha256(b"abcd").hexdigest())
        part.close()
        again = self.open()
        self.assertEqual((again.size, again.provenance), (4, PROVENANCE))
        again.append([b"ef"])
        # It would take reading what was there.
        self.assertIsNone(again.sha256)
        again.sync()
        again.publish()
        self.assertEqual(self.target.read_bytes(), b"abcdef")
        self.assertEqual(self.target.stat().st_mtime, 86400)
        self.assertEqual(list(self.target.parent.iterdir()), [self.target])

    def test_restarting_forgets(self) -> None:
        part = self.open()
        part.restart(PROVENANCE)
        part.append([b"abc"])
        other = Provenance("other")
        part.restart(other)
        self.assertEqual((part.size, part.provenance), (0, other))
        self.assertEqual(part.sha256, hashlib.sha256().hexdigest())
        self.assertEqual(self.part_path.read_bytes(), b"")

    def test_killed_while_provenance_was_written(self) -> None:
        left = self.part_path.with_name("image.iso.part.json.a1b2c3d4.tmp")
        others = self.part_path.with_name("image.iso.checked.json.a1b2c3d4.tmp")
        for path in (left, others):
            path.write_bytes(b"{")
        self.open().restart(PROVENANCE)
        self.assertEqual((left.exists(), others.exists()), (False, True))

    def test_bytes_of_unknown_provenance(self) -> None:
        """What is beside the part is missing, or was broken off in the middle."""
        self.part_path.write_bytes(b"abc")
        for damage in [None, b"", b'{"url_digest": "x', b"[]"]:
            if damage is not None:
                self.part_path.with_name("image.iso.part.json").write_bytes(damage)
            part = self.open()
            self.assertEqual((part.size, part.provenance), (3, None))
            part.close()

    def test_one_at_a_time(self) -> None:
        part = self.open()
        with self.assertRaises(PartInUse):
            Part.open(self.target)
        part.close()
        self.open()

    def test_opened_while_another_publishes(self) -> None:
        """A part that was renamed into place in between is not taken for a part again."""
        part = self.open()
        part.restart(PROVENANCE)
        part.append([b"abcdef"])
        part.publish()
        other = self.open()
        self.assertEqual(other.size, 0)
        self.assertEqual(self.target.read_bytes(), b"abcdef")

    def test_published_between_open_and_lock(self) -> None:
        """Another process publishes while this one has the file open, but not locked yet."""
        first = self.open()
        first.restart(PROVENANCE)
        first.append([b"abcdef"])
        opened: list[int] = []

        def slow_lock(descriptor: int) -> None:
            if not opened:
                first.publish()
                first.close()
            opened.append(os.fstat(descriptor).st_ino)
            lock_file(descriptor)

        second = Part.open(self.target, slow_lock)
        self.addCleanup(second.close)
        self.assertEqual(len(set(opened)), 2)
        self.assertEqual(opened[0], self.target.stat().st_ino)
        second.restart(PROVENANCE)
        second.append([b"x"])
        self.assertEqual(self.target.read_bytes(), b"abcdef")
        self.assertEqual(self.part_path.read_bytes(), b"x")

    def test_discarded(self) -> None:
        part = self.open()
        part.restart(PROVENANCE)
        part.discard()
        self.assertEqual(list(self.target.parent.iterdir()), [])

    def test_space(self) -> None:
        part = self.open()
        part.require_space(1)
        with self.assertRaisesRegex(
            NoSpace, f"{2**62} bytes are to come, but only [0-9]+ are free"
        ):
            part.require_space(2**62)
        with self.assertRaisesRegex(NoSpace, f"of which other downloads need {2**62}"):
            part.require_space(1, 2**62)

    def test_late_writes(self) -> None:
        """A write that a thread begins after the part was closed goes nowhere."""
        part = self.open()
        part.close()
        part.close()
        part.append([b"abc"])
        self.assertEqual(self.part_path.read_bytes(), b"")
