"""What is shown of a log."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from image_management.pages.log_end import LONGEST, LogEnd, shown
from tests.properties import given

PIECES = st.one_of(
    st.binary(max_size=50),
    st.sampled_from(
        (b"\n", b"== creating 2026-11-27T08:00:00+00:00\n", b"== x", b"\r", b"x" * (LONGEST // 3))
    ),
)


def end_of(*pieces: bytes) -> LogEnd:
    end = LogEnd()
    for piece in pieces:
        end.add(piece)
    return end


class LogEndTests(SynchronousTestCase):
    def test_whole(self) -> None:
        end = end_of(b"one\ntw", b"o\nthr")
        self.assertEqual((end.text(), end.is_cut, end.size), ("one\ntwo\nthr", False, 11))

    def test_only_whole_lines_of_what_is_long(self) -> None:
        lines = [f"line {number:06}" for number in range(10_000)]
        end = end_of(*(f"{line}\n".encode() for line in lines))
        text = end.text().split("\n")
        self.assertTrue(end.is_cut)
        self.assertEqual(text, lines[-len(text) :])
        self.assertLess(LONGEST - len(end.text()), 20)

    def test_long_line(self) -> None:
        """One without an end takes no more room than any."""
        end = end_of(*[b"x" * 5000] * 100, b"\nnext\n")
        self.assertLessEqual(len(end.text()), LONGEST)
        self.assertTrue(end.text().endswith("next"))

    def test_marks(self) -> None:
        end = end_of(
            b"== creating 2026-11-27T08:00:00+00:00\n== fetch-",
            b"recipe 2026-11-27T08:00:10.5+00:00\n",
            b" == no 2026-11-27T08:00:20+00:00\n== nor 2026-99-99T08:00:20+00:00\n== nor this\n",
        )
        self.assertEqual(
            [(mark.name, mark.at - 1_795_766_400) for mark in end.marks],
            [("creating", 0), ("fetch-recipe", 10.5)],
        )

    def test_marks_outlive_their_lines(self) -> None:
        end = end_of(b"== creating 2026-11-27T08:00:00+00:00\n", *[b"x" * 1000 + b"\n"] * 100)
        self.assertEqual(len(end.marks), 1)
        self.assertNotIn("creating", end.text())

    def test_no_secret(self) -> None:
        for line, left in (
            ("GET https://s3/x?X-Amz-Signature=abcdef&X-Amz-Credential=me", "abcdef"),
            ("zypper ar https://me:pass@repo.example/x", "pass"),
            (f"key ssh-ed25519 AAAA{'C3Nz' * 8} somebody", "somebody"),
        ):
            self.assertNotIn(left, shown(line))
            self.assertNotIn(left, end_of(f"before\n{line}".encode(), b"\nafter\n").text())

    def test_as_on_a_terminal(self) -> None:
        """Without colours, what was written over, and what no page may hold."""
        for said, seen in (
            ("\x1b[1;32mINFO\x1b[0m ok", "INFO ok"),
            ("10 %\r50 %\rdone\r", "done"),
            ("a\0b\x07c\ttab", "abc\ttab"),
            ("\N{REPLACEMENT CHARACTER}\N{ROCKET}", "\N{REPLACEMENT CHARACTER}\N{ROCKET}"),
        ):
            self.assertEqual(end_of(said.encode()).text(), seen)
        self.assertEqual(end_of(b"\xff\n").text(), "\N{REPLACEMENT CHARACTER}")

    @given(st.lists(PIECES, max_size=12))
    def test_pieces(self, pieces: list[bytes]) -> None:
        """However it is cut, the same is shown."""
        whole, parts = end_of(b"".join(pieces)), end_of(*pieces)
        self.assertEqual(parts.marks, whole.marks)
        if not whole.is_cut:
            self.assertEqual(parts.text(), whole.text())
        self.assertLessEqual(len(parts.text().encode()), 3 * LONGEST)
