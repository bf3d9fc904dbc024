"""Parts of objects: arithmetic."""

from __future__ import annotations

from hashlib import md5

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from image_management.s3.parts import MIB, etag_of, even_parts, guessed_parts, own_parts, part_count
from tests.properties import given

_SIZES = st.integers(1, 64 * 1024 * MIB)


class PartTests(SynchronousTestCase):
    @given(_SIZES, st.integers(5 * MIB, 5 * 1024 * MIB))
    def test_even_parts(self, size: int, part_size: int) -> None:
        """They are the object: nothing between them, nothing twice, numbered from 1 on."""
        parts = even_parts(size, part_size)
        self.assertEqual([part.number for part in parts], list(range(1, len(parts) + 1)))
        ends = [0, *(part.stop for part in parts)]
        self.assertEqual([*(part.start for part in parts), size], ends)
        self.assertEqual({part.size for part in parts[:-1]} - {part_size}, set())
        self.assertTrue(0 < parts[-1].size <= part_size)

    @given(_SIZES)
    def test_own_parts(self, size: int) -> None:
        """As S3 takes them: not more than 10 000, of not more than 5 GiB."""
        parts = own_parts(size)
        self.assertLessEqual(len(parts), 10_000)
        self.assertLessEqual(max(part.size for part in parts), 5 * 1024 * MIB)

    @given(_SIZES, st.sampled_from([5, 8, 10, 16, 64, 100, 512]))
    def test_guessed_parts(self, size: int, mib: int) -> None:
        """Usual sizes are found again, and all guesses have as many parts as they should."""
        parts = even_parts(size, mib * MIB)
        guesses = guessed_parts(size, len(parts))
        self.assertIn(parts, guesses)
        self.assertEqual({len(guess) for guess in guesses}, {len(parts)})

    def test_unusual_parts(self) -> None:
        """Something is always guessed, with parts that S3 takes."""
        [parts] = guessed_parts(20 * MIB, 50)
        self.assertEqual(len(parts), 4)

    def test_ranges(self) -> None:
        ranges = [part.range for part in even_parts(20, 8)]
        self.assertEqual(ranges, ["bytes=0-7", "bytes=8-15", "bytes=16-19"])

    def test_part_count(self) -> None:
        digest = "0" * 32
        counts = {f"{digest}-3": 3, f"{digest}-10000": 10_000, digest: None, f"{digest}-0": None}
        counts |= {"": None, "x-3": None, f"{digest}-": None, f"{digest}-3-3": None}
        self.assertEqual({etag: part_count(etag) for etag in counts}, counts)

    def test_etag_of(self) -> None:
        """As AWS computes it; not of what are no MD5s."""
        digests = [md5(data).hexdigest() for data in (b"one", b"two")]
        whole = md5(md5(b"one").digest() + md5(b"two").digest()).hexdigest()
        self.assertEqual(etag_of(digests), f"{whole}-2")
        for odd in ("x" * 32, "00", "é"):
            self.assertIsNone(etag_of([digests[0], odd]))
