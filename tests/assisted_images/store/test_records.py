"""What is remembered of files that have passed."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.store.records import (
    CHECKED,
    Record,
    Stamp,
    Stopped,
    digest,
    forget,
    is_remembered,
    read_record,
    record_path,
    write_record,
)

CONTENT = b"the content"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class RecordTests(SynchronousTestCase):
    """On a file of their own."""

    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.path = directory / "image.iso"
        self.path.write_bytes(CONTENT)

    def stamp(self) -> Stamp:
        return Stamp.of(self.path.stat())

    def settled(self) -> Record:
        """A record of the file as it is now, taken long after its last change."""
        return Record(DIGEST, self.stamp(), self.stamp().changed_ns + 10**9)

    def test_kept(self) -> None:
        write_record(self.path, DIGEST, self.stamp())
        record = read_record(self.path)
        assert record is not None
        self.assertEqual((record.sha256, record.stamp), (DIGEST, self.stamp()))
        forget(self.path)
        self.assertIsNone(read_record(self.path))
        forget(self.path)

    def test_unreadable(self) -> None:
        """A record that was broken off is none."""
        for content in [b"", b"[]", b'{"sha256": "x"}']:
            record_path(self.path).write_bytes(content)
            self.assertIsNone(read_record(self.path))
        record_path(self.path).unlink()
        record_path(self.path).mkdir()
        self.assertIsNone(read_record(self.path))

    def test_unwritable(self) -> None:
        """Is done without."""
        record_path(self.path).mkdir()
        write_record(self.path, DIGEST, self.stamp())
        self.assertEqual(
            [path.name for path in self.path.parent.iterdir() if path.is_file()], ["image.iso"]
        )

    def test_of_another_file(self) -> None:
        """The file that passed has been replaced meanwhile: nothing is remembered of the new."""
        stamp = self.stamp()
        other = self.path.with_name("other")
        other.write_bytes(CONTENT)
        other.replace(self.path)
        write_record(self.path, DIGEST, stamp)
        self.assertIsNone(read_record(self.path))

    def test_every_change_is_seen(self) -> None:
        """Also one that keeps the size, and sets the old modification time again."""
        modified = self.stamp().modified_ns

        def overwrite() -> None:
            with self.path.open("r+b") as file:
                file.write(b"THE")
            os.utime(self.path, ns=(modified, modified))

        def replace() -> None:
            other = self.path.with_name("other")
            other.write_bytes(CONTENT)
            os.utime(other, ns=(modified, modified))
            other.replace(self.path)

        def touch() -> None:
            self.path.touch()

        changes: list[Callable[[], None]] = [overwrite, replace, touch]
        for change in changes:
            before = self.settled()
            self.assertTrue(before.holds_for(self.stamp()))
            self.wait_for_tick()
            change()
            self.assertFalse(before.holds_for(self.stamp()), change.__name__)

    def wait_for_tick(self) -> None:
        """Until the file system gives a file another time than this file has."""
        probe = self.path.with_name("probe")
        while True:
            probe.write_bytes(b"")
            if probe.stat().st_ctime_ns > self.stamp().changed_ns:
                return

    def test_taken_within_the_tick(self) -> None:
        """A second change in the same tick of the clock would have the same time: no trust."""
        stamp = self.stamp()
        self.assertFalse(Record(DIGEST, stamp, stamp.changed_ns).holds_for(stamp))
        self.assertFalse(Record(DIGEST, stamp, stamp.changed_ns - 10**9).holds_for(stamp))

    def test_remembered(self) -> None:
        """An unchanged file is not read again; any other is hashed."""
        write_record(self.path, DIGEST, self.stamp())
        record = read_record(self.path)
        assert record is not None
        self.assertTrue(is_remembered(self.path, record))
        self.path.write_bytes(CONTENT)
        self.assertTrue(is_remembered(self.path, record))
        self.path.write_bytes(CONTENT[::-1])
        self.assertFalse(is_remembered(self.path, record))

    def test_digest(self) -> None:
        with self.path.open("rb") as file:
            self.assertEqual(digest(file), DIGEST)
            stop = Event()
            stop.set()
            with self.assertRaises(Stopped):
                digest(file, stop)

    def test_when(self) -> None:
        """The time of the stamp is noted, to compare it with the file's own."""
        before = time.time_ns()
        write_record(self.path, DIGEST, self.stamp())
        record = read_record(self.path)
        assert record is not None
        self.assertGreaterEqual(record.at_ns, before)
        self.assertTrue((self.path.parent / f"image.iso{CHECKED}").is_file())
