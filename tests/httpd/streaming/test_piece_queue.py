"""What waits to be sent, without any socket."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from httpd.concurrency.threads import run_at_once
from httpd.streaming.disk import DiskFile, FileRegion, Piece
from httpd.streaming.piece_queue import PieceQueue
from tests.properties import given

JOINED = 40
"""Bytes up to which small pieces are joined."""

CONTENT = bytes(range(200))

pieces = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.tuples(st.integers(0, 150), st.integers(0, 50)),
    ),
    max_size=12,
)


def first_bytes(queue: PieceQueue, count: int) -> bytes:
    """What is sent when so much of the first piece is."""
    first = queue.pieces[0]
    if isinstance(first, bytes):
        return first[queue.sent : queue.sent + count]
    start = first.offset + queue.sent
    return CONTENT[start : start + count]


class PieceQueueTests(SynchronousTestCase):
    def setUp(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(CONTENT)
        self.file = DiskFile(path, run_at_once)

    def piece(self, drawn: bytes | tuple[int, int]) -> tuple[Piece, bytes]:
        """A piece, and the bytes that it stands for."""
        if isinstance(drawn, bytes):
            return drawn, drawn
        offset, length = drawn
        return FileRegion(self.file, offset, length), CONTENT[offset : offset + length]

    @given(pieces, st.lists(st.integers(1, 60)))
    def test_all_in_order(self, drawn: list[bytes | tuple[int, int]], steps: list[int]) -> None:
        """However much goes out at a time, and whatever is written meanwhile."""
        queue, written, sent = PieceQueue(), b"", b""
        for one in drawn:
            piece, content = self.piece(one)
            queue.append(piece, JOINED)
            written += content
            if steps and queue.pieces:
                count = min(steps.pop(), len(queue.pieces[0]) - queue.sent)
                sent += first_bytes(queue, count)
                queue.take(count)
            self.assertEqual(queue.waiting, len(written) - len(sent))
        while queue.pieces:
            count = len(queue.pieces[0]) - queue.sent
            sent += first_bytes(queue, count)
            queue.take(count)
        self.assertEqual((sent, queue.waiting, queue.sent), (written, 0, 0))

    def test_joined(self) -> None:
        """Small ones go out together; where more waits, nothing is copied."""
        queue = PieceQueue()
        for data in (b"a" * 20, b"", b"b" * 20, b"c"):
            queue.append(data, JOINED)
        self.assertEqual([*queue.pieces], [b"a" * 20 + b"b" * 20, b"c"])

    def test_not_joined_behind_a_region(self) -> None:
        queue = PieceQueue()
        region = FileRegion(self.file, 0, 10)
        for piece in (b"a", region, b"b", b"c"):
            queue.append(piece, JOINED)
        self.assertEqual([*queue.pieces], [b"a", region, b"bc"])

    def test_brought(self) -> None:
        """Of the first piece alone, until it has been sent or may have been lost."""
        queue = PieceQueue()
        queue.append(FileRegion(self.file, 100, 50), JOINED)
        queue.append(FileRegion(self.file, 100, 50), JOINED)
        self.assertEqual(queue.brought_from(100), 0)
        queue.note_brought(130)
        self.assertEqual((queue.brought_from(100), queue.brought_from(140)), (30, 0))
        queue.take(20)
        self.assertEqual(queue.brought_from(120), 10)
        queue.note_brought(0)
        self.assertEqual(queue.brought_from(120), 0)
        queue.note_brought(150)
        queue.take(30)
        self.assertEqual(queue.brought_from(100), 0)

    def test_cleared(self) -> None:
        """What was never sent is still counted."""
        queue = PieceQueue()
        queue.append(b"abc", JOINED)
        queue.take(1)
        queue.clear()
        self.assertEqual(([*queue.pieces], queue.waiting), ([], 2))
