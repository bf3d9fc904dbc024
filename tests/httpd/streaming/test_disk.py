"""Files as sources."""

from __future__ import annotations

import gc
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from httpd.concurrency.threads import run_at_once
from httpd.representation.segments import FileSegment, Representation
from httpd.streaming.disk import DiskFile, short_region
from tests.httpd.representation.test_segments import MemorySource
from tests.properties import given

CONTENT = bytes(n % 251 for n in range(10_000))


class DiskFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.path.write_bytes(CONTENT)

    def read(self, file: DiskFile, offset: int, length: int) -> bytes:
        data = file.read(offset, length)
        return self.successResultOf(data) if isinstance(data, Deferred) else data

    @given(st.integers(0, len(CONTENT) - 1), st.integers(1, 20_000))
    def test_reads_what_is_there(self, offset: int, length: int) -> None:
        file = DiskFile(self.path, run_at_once)
        data = self.read(file, offset, length)
        self.assertTrue(data)
        self.assertEqual(data, CONTENT[offset : offset + length][: len(data)])

    def test_truncated_meanwhile(self) -> None:
        file = DiskFile(self.path, run_at_once)
        os.truncate(self.path, 5000)
        answer = file.read(6000, 10)
        assert isinstance(answer, Deferred)
        self.assertIn("ends before byte 6000", str(self.failureResultOf(answer, EOFError)))

    def test_stays_the_same_file(self) -> None:
        """A name given to another file does not change what is being served."""
        file = DiskFile(self.path, run_at_once)
        other = Path(self.mktemp())
        other.write_bytes(b"other")
        other.rename(self.path)
        self.assertEqual(self.read(file, 0, 10), CONTENT[:10])
        self.assertNotEqual(file.identity, DiskFile(self.path, run_at_once).identity)

    def test_identity_by_content(self) -> None:
        """Where it is known what the file holds, that is it, wherever and whenever it came."""
        one = DiskFile(self.path, run_at_once, "5ha")
        other = self.path.with_name("other")
        other.write_bytes(self.path.read_bytes())
        os.utime(other, (1, 1))
        self.assertEqual(DiskFile(other, run_at_once, "5ha").identity, one.identity)
        self.assertNotEqual(DiskFile(self.path, run_at_once, "other").identity, one.identity)

    def test_noticed(self) -> None:
        """What is written into it, and what takes its name; not what only looks at it."""
        changes: list[tuple[Callable[[], object], bool, bool]] = [
            (self.path.read_bytes, False, False),
            (lambda: self.path.chmod(0o600), False, False),
            (lambda: os.truncate(self.path, 5000), True, False),
            (lambda: self.path.write_bytes(CONTENT[::-1]), True, False),
            (self.path.touch, True, False),
            (lambda: Path(shutil.copy(self.path, "other")).replace(self.path), False, True),
            (self.path.unlink, False, False),
        ]
        for change, overwritten, replaced in changes:
            os.utime(self.path, (1000, 1000))
            file = DiskFile(self.path, run_at_once)
            change()
            self.assertEqual((file.is_overwritten(), file.is_replaced()), (overwritten, replaced))

    def test_withdrawn(self) -> None:
        """It has come to its end for all who read it, in whatever way; the file is as it was."""
        file = DiskFile(self.path, run_at_once)
        file.withdraw()
        self.assertTrue(file.is_overwritten())
        answer = file.read(0, 10)
        assert isinstance(answer, Deferred)
        self.failureResultOf(answer, EOFError)
        self.failureResultOf(file.bring(0, 10), EOFError)
        self.assertEqual(file.read_into(memoryview(bytearray(10)), 0, wait=True), 0)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.assertEqual(os.sendfile(ours.fileno(), file.descriptor, 0, 10), 0)
        self.assertFalse(os.get_inheritable(file.descriptor))
        self.assertEqual(self.path.read_bytes(), CONTENT)

    def test_says_what_it_is(self) -> None:
        os.utime(self.path, (1e9, 1e9))
        file = DiskFile(self.path, run_at_once)
        self.assertEqual((file.size, file.last_modified), (10_000, 1e9))
        self.assertEqual(file.representation().segments, (FileSegment(file, 0, 10_000),))
        self.assertEqual(file.identity, DiskFile(self.path, run_at_once).identity)

    def test_closes_with_its_last_user(self) -> None:
        file = DiskFile(self.path, run_at_once)
        descriptor = file.descriptor
        representation = file.representation()
        del file
        os.fstat(descriptor)
        del representation
        gc.collect()
        self.assertRaises(OSError, os.fstat, descriptor)

    def test_absent(self) -> None:
        self.assertRaises(FileNotFoundError, DiskFile, Path("absent"), run_at_once)

    def test_what_is_not_at_hand_comes_from_a_thread(self) -> None:
        """A file system that cannot tell (procfs cannot) is never read where the reactor runs."""
        file = DiskFile(Path("/proc/version"), run_at_once)
        answer = file.read(0, 5)
        assert isinstance(answer, Deferred)
        self.assertEqual(self.successResultOf(answer), b"Linux")

    def test_truncated_as_a_thread_finds_out(self) -> None:
        file = DiskFile(Path("/proc/version"), run_at_once)
        answer = file.read(1_000_000, 5)
        assert isinstance(answer, Deferred)
        self.failureResultOf(answer, EOFError)

    def test_brought(self) -> None:
        """What is brought is at hand, whether it was before or not."""
        file = DiskFile(self.path, run_at_once)
        os.fsync(file.descriptor)
        os.posix_fadvise(file.descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        self.successResultOf(file.bring(0, len(CONTENT)))
        self.assertTrue(file.is_at_hand(0, len(CONTENT)))
        buffer = memoryview(bytearray(3000))
        self.assertEqual(file.read_into(buffer, 8000, wait=False), 2000)
        self.assertEqual(buffer[:2000], CONTENT[8000:])

    def test_brought_as_far_as_there_is_anything(self) -> None:
        file = DiskFile(self.path, run_at_once)
        self.assertFalse(file.is_at_hand(9000, 2000))
        self.successResultOf(file.bring(9000, 2000))
        self.failureResultOf(file.bring(10_000, 1), EOFError)

    def test_reading_without_waiting(self) -> None:
        """Where a file system cannot tell, nothing is at hand; with waiting there is something."""
        file = DiskFile(Path("/proc/version"), run_at_once)
        buffer = memoryview(bytearray(5))
        self.assertEqual(file.read_into(buffer, 0, wait=False), 0)
        self.assertEqual(file.read_into(buffer, 0, wait=True), 5)
        self.assertEqual(buffer, b"Linux")


class ShortRegionTests(SynchronousTestCase):
    """Bodies that are sent without a producer."""

    def setUp(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(CONTENT)
        self.whole = DiskFile(path, run_at_once).representation()

    def test_part_of_a_file(self) -> None:
        region = short_region(self.whole.slice(100, 5000))
        assert region is not None
        self.assertEqual((region.offset, len(region)), (100, 4900))

    def test_others(self) -> None:
        """What is longer, of two segments, at hand, or from elsewhere."""
        text = Representation.from_bytes(b"text")
        large = FileSegment(self.whole.segments[0].source, 0, 65_537)  # type: ignore[union-attr]
        for body in (
            Representation.of(large),
            self.whole.append(text),
            text,
            Representation(),
            Representation.of(FileSegment(MemorySource(CONTENT), 0, 10)),
        ):
            self.assertIsNone(short_region(body))
