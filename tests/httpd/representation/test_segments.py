"""Representations against their model: plain bytes."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from httpd.representation.segments import (
    BytesSegment,
    FileSegment,
    Representation,
    Segment,
    ZeroSegment,
)
from tests.properties import given


@dataclass(frozen=True)
class MemorySource:
    """A source whose bytes the test knows."""

    content: bytes

    @property
    def identity(self) -> str:
        return self.content.hex()

    def read(self, offset: int, length: int) -> bytes:
        return self.content[offset : offset + length]

    def release(self) -> None:
        pass


def rendered(representation: Representation) -> bytes:
    """The plain bytes that a representation stands for."""
    parts = []
    for segment in representation:
        match segment:
            case FileSegment(source=MemorySource(content=content), offset=offset, length=length):
                parts.append(content[offset : offset + length])
            case BytesSegment(data=data):
                parts.append(bytes(data))
            case ZeroSegment(length=length):
                parts.append(bytes(length))
            case _:
                raise AssertionError(segment)
    return b"".join(parts)


@st.composite
def file_segments(draw: st.DrawFn) -> Segment:
    content = draw(st.binary(max_size=40))
    start = draw(st.integers(0, len(content)))
    return FileSegment(MemorySource(content), start, draw(st.integers(0, len(content) - start)))


segments = st.one_of(
    file_segments(),
    st.binary(max_size=40).map(BytesSegment),
    st.integers(0, 40).map(ZeroSegment),
)
representations = st.lists(segments, max_size=6).map(lambda parts: Representation(tuple(parts)))


@st.composite
def bounds(draw: st.DrawFn) -> tuple[Representation, int, int]:
    """A representation and two cuts in it, in order."""
    representation = draw(representations)
    start = draw(st.integers(0, representation.length))
    return representation, start, draw(st.integers(start, representation.length))


class RepresentationTests(SynchronousTestCase):
    """Each operation does to the representation what it does to the bytes."""

    @given(representations)
    def test_length(self, representation: Representation) -> None:
        self.assertEqual(representation.length, len(rendered(representation)))

    @given(bounds())
    def test_slice(self, case: tuple[Representation, int, int]) -> None:
        representation, start, stop = case
        part = representation.slice(start, stop)
        self.assertEqual(rendered(part), rendered(representation)[start:stop])

    @given(representations, st.lists(representations, max_size=3))
    def test_append(self, first: Representation, others: list[Representation]) -> None:
        self.assertEqual(rendered(first.append(*others)), b"".join(map(rendered, [first, *others])))

    @given(bounds(), representations)
    def test_overlay(self, case: tuple[Representation, int, int], other: Representation) -> None:
        representation, start, _ = case
        before = rendered(representation)
        if start + other.length > representation.length:
            with self.assertRaises(ValueError):
                representation.overlay(start, other)
            return
        after = rendered(representation.overlay(start, other))
        self.assertEqual(after, before[:start] + rendered(other) + before[start + other.length :])

    @given(representations, st.integers(1, 9))
    def test_aligned(self, representation: Representation, boundary: int) -> None:
        aligned = rendered(representation.aligned(boundary))
        self.assertEqual(len(aligned) % boundary, 0)
        self.assertLess(len(aligned) - representation.length, boundary)
        self.assertEqual(
            aligned, rendered(representation) + bytes(len(aligned) - representation.length)
        )

    @given(representations, representations)
    def test_digest_tells_contents_apart(self, one: Representation, two: Representation) -> None:
        if rendered(one) != rendered(two):
            self.assertNotEqual(one.digest, two.digest)
        self.assertEqual(one.digest, Representation(one.segments).digest)

    def test_outside(self) -> None:
        three = Representation.from_bytes(b"abc")
        for start, stop in [(-1, 2), (2, 1), (0, 4)]:
            with self.assertRaisesRegex(ValueError, "no slice"):
                three.slice(start, stop)
        with self.assertRaisesRegex(ValueError, "no room for 3 bytes at -1"):
            three.overlay(-1, three)
        with self.assertRaisesRegex(ValueError, "3 bytes do not fit into 2"):
            three.padded(2)

    def test_content_stays_out_of_the_repr(self) -> None:
        """Ignition content must not reach a log through a repr."""
        self.assertNotIn("secret", repr(Representation.from_bytes(b"secret")))
