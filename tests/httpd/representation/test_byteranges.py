"""
The Range header against a model that counts bytes one by one, and what Content-Range says.
"""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from httpd.representation.byteranges import (
    ByteRange,
    ContentRange,
    RangeNotSatisfiable,
    parse_content_range,
    parse_range,
)
from tests.properties import given


def bytes_selected(spec: tuple[int | None, int | None], length: int) -> list[int]:
    """The positions that one range selects, by the words of RFC 9110, section 14.1.2."""
    first, last = spec
    if first is None:
        return list(range(length))[-(last or 0) :] if last else []
    return [n for n in range(length) if n >= first and (last is None or n <= last)]


positions = st.one_of(st.integers(0, 30), st.integers(0, 10**25), st.integers(10**99, 10**101))
specs = st.one_of(
    st.tuples(positions, st.none()),
    st.tuples(st.none(), positions),
    st.tuples(positions, positions).map(lambda pair: (min(pair), max(pair))),
)


def written(spec: tuple[int | None, int | None]) -> str:
    return "-".join("" if number is None else str(number) for number in spec)


class ParseRangeTests(SynchronousTestCase):
    @given(specs, st.integers(0, 25))
    def test_one_range(self, spec: tuple[int | None, int | None], length: int) -> None:
        expected = bytes_selected(spec, length)
        try:
            ranges = parse_range(f"bytes={written(spec)}", length)
        except RangeNotSatisfiable:
            self.assertEqual(expected, [])
            return
        assert ranges is not None
        self.assertEqual([n for part in ranges for n in range(part.start, part.stop)], expected)

    @given(st.lists(specs, min_size=1, max_size=20), st.integers(1, 25))
    def test_several_ranges(
        self, several: list[tuple[int | None, int | None]], length: int
    ) -> None:
        expected = [run for spec in several if (run := bytes_selected(spec, length))]
        positions = [n for run in expected for n in run]
        try:
            ranges = parse_range("bytes=" + ", ".join(map(written, several)), length)
        except RangeNotSatisfiable:
            self.assertEqual(expected, [])
            return
        if ranges is None:
            self.assertTrue(len(expected) > 16 or len(set(positions)) < len(positions))
            return
        self.assertEqual([list(range(part.start, part.stop)) for part in ranges], expected)

    @given(st.text(max_size=40), st.integers(0, 25))
    def test_any_text_is_read_or_ignored(self, text: str, length: int) -> None:
        for header in (text, f"bytes={text}"):
            try:
                ranges = parse_range(header, length)
            except RangeNotSatisfiable:
                continue
            for part in ranges or ():
                self.assertTrue(0 <= part.start < part.stop <= length)

    def test_ignored(self) -> None:
        for header in (
            "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=a-b", "bytes=1", "bytes=5-2",
            "bytes=0-1,x", "bytes=--1", "bytes=+1-2", "lines=0-1", "bytes=1-2-3", "bytes=\u0661-2",
            "bytes=99999999999999999999-5", "bytes=0-5,3-8", "bytes=-5,0-",
            f"bytes={'9' * 101}-{'9' * 100}",
        ):  # fmt: skip
            self.assertIsNone(parse_range(header, 10), header)

    def test_not_satisfiable(self) -> None:
        for header in ("bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99-100,10-11"):
            self.assertRaises(RangeNotSatisfiable, parse_range, header, 10)

    def test_forgiving(self) -> None:
        self.assertEqual(parse_range("Bytes = 0-1 ,, 4-", 6), [ByteRange(0, 2), ByteRange(4, 6)])
        self.assertEqual(parse_range("bytes=0-1,50-60", 6), [ByteRange(0, 2)])
        self.assertEqual(parse_range("bytes=-" + "9" * 6000, 6), [ByteRange(0, 6)])
        self.assertEqual(parse_range("bytes=\t0-1 , \t,4-5 ,", 6), parse_range("bytes=0-1,4-5", 6))
        self.assertEqual(parse_range(f"bytes={'0' * 6000}1-{'0' * 200}2", 6), [ByteRange(1, 3)])

    def test_number_of_ranges(self) -> None:
        sixteen = ",".join(f"{n * 2}-{n * 2}" for n in range(16))
        self.assertEqual(len(parse_range(f"bytes={sixteen}", 100) or ()), 16)
        self.assertIsNone(parse_range(f"bytes={sixteen},50-50", 100))
        self.assertIsNone(parse_range("bytes=" + ",".join(["0-0"] * 3000), 100))

    def test_content_range(self) -> None:
        field = ByteRange(0, 500).content_range(1234)
        self.assertEqual(field, b"Content-Range: bytes 0-499/1234\r\n")


class ContentRangeTests(SynchronousTestCase):
    """What a response says of itself."""

    @given(st.integers(0, 10**25), st.integers(1, 10**25), st.integers(0, 10**25))
    def test_as_it_was_written(self, start: int, size: int, more: int) -> None:
        part = ByteRange(start, start + size)
        length = part.stop + more
        _, _, value = part.content_range(length).decode().partition(":")
        self.assertEqual(parse_content_range(value), ContentRange(part, length))

    def test_forms(self) -> None:
        for text, expected in (
            ("bytes 0-0/1", ContentRange(ByteRange(0, 1), 1)),
            ("bytes 5-9/*", ContentRange(ByteRange(5, 10), None)),
            ("bytes */10", ContentRange(None, 10)),
            (" BYTES 5-9/10 ", ContentRange(ByteRange(5, 10), 10)),
            (f"bytes */{'9' * 6000}", ContentRange(None, 10**100)),
        ):
            self.assertEqual(parse_content_range(text), expected)

    def test_malformed_or_untrue(self) -> None:
        for text in (
            "", "bytes", "bytes */*", "bytes 5/10", "bytes 5-/10", "bytes -5/10", "lines 5-9/10",
            "bytes=5-9/10", "bytes 5-9", "bytes 9-5/10", "bytes 5-10/10", "bytes \u0661-2/9",
            "bytes 5-9/10, bytes 5-9/10",
        ):  # fmt: skip
            self.assertIsNone(parse_content_range(text), text)

    @given(st.text(max_size=40))
    def test_any_text_is_read_or_not(self, text: str) -> None:
        for value in (text, f"bytes {text}"):
            parse_content_range(value)
