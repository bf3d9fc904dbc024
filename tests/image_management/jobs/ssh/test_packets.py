"""Packets of the SSH File Transfer Protocol that OpenSSH's clients do not send."""

from __future__ import annotations

import struct

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from image_management.jobs.ssh.file_transfer import FileTransfer
from image_management.jobs.ssh.packets import Attributes, Reader, text
from tests.properties import given

NUMBERS = st.integers(0, 2**32 - 1)
PAIRS = st.tuples(NUMBERS, NUMBERS)
STATUS, FAILURE, BAD_MESSAGE, UNSUPPORTED = 101, 4, 5, 8
OPEN, CLOSE, READ, WRITE, FSTAT, READDIR, MKDIR = 3, 4, 5, 6, 8, 12, 14


def status(reply: bytes) -> tuple[int, int]:
    """The number of a request, and the code that it got."""
    kind, number, code = struct.unpack(">BII", reply[:9])
    assert kind == STATUS, reply
    return number, code


class Requests(SynchronousTestCase):
    def setUp(self) -> None:
        self.transfer = FileTransfer()

    def test_versions(self) -> None:
        for version in (3, 6):
            reply = self.transfer.answer(struct.pack(">BI", 1, version))
            self.assertEqual(reply[:5], struct.pack(">BI", 2, 3))
            self.assertIn(text(b"posix-rename@openssh.com") + text(b"1"), reply)

    def test_what_it_does_not_know(self) -> None:
        for kind in (2, 21, 99, 201, 255):
            reply = self.transfer.answer(struct.pack(">BI", kind, 77))
            self.assertEqual(status(reply), (77, UNSUPPORTED))
        reply = self.transfer.answer(struct.pack(">BI", 200, 77) + text(b"statvfs@openssh.com"))
        self.assertEqual(status(reply), (77, UNSUPPORTED))

    def test_requests_that_are_cut(self) -> None:
        place = text(self.mktemp().encode())
        whole = {OPEN: place + bytes(8), WRITE: text(b"1") + bytes(8) + text(b"x"), MKDIR: place}
        for kind, rest in whole.items():
            for length in range(len(rest)):
                reply = self.transfer.answer(struct.pack(">BI", kind, 5) + rest[:length])
                self.assertEqual(status(reply), (5, BAD_MESSAGE))
        for length in range(5):
            with self.assertRaises(ValueError):
                self.transfer.answer(struct.pack(">BI", OPEN, 5)[:length])

    def test_handles_that_are_not_open(self) -> None:
        for kind, rest in {CLOSE: b"", READ: bytes(12), FSTAT: b"", READDIR: b""}.items():
            reply = self.transfer.answer(struct.pack(">BI", kind, 5) + text(b"9") + rest)
            self.assertEqual(status(reply), (5, FAILURE))

    def test_a_path_that_no_file_can_have(self) -> None:
        reply = self.transfer.answer(struct.pack(">BI", MKDIR, 5) + text(b"a\0b") + bytes(4))
        self.assertEqual(status(reply), (5, BAD_MESSAGE))

    def test_files_without_number(self) -> None:
        path = self.mktemp().encode()
        opening = struct.pack(">BI", OPEN, 5) + text(path) + struct.pack(">II", 0x0B, 0)
        replies = [self.transfer.answer(opening) for _ in range(300)]
        opened = [reply for reply in replies if reply[0] != STATUS]
        self.assertEqual(len(opened), 256)
        self.assertEqual(status(replies[-1]), (5, FAILURE))
        for reply in opened:
            closed = self.transfer.answer(struct.pack(">BI", CLOSE, 6) + reply[5:])
            self.assertEqual(status(closed), (6, 0))


class Attributed(SynchronousTestCase):
    @given(
        st.none() | st.integers(0, 2**64 - 1), st.none() | PAIRS, st.none() | NUMBERS,
        st.none() | PAIRS,
    )  # fmt: skip
    def test_all_of_them(
        self,
        size: int | None,
        owner: tuple[int, int] | None,
        mode: int | None,
        times: tuple[int, int] | None,
    ) -> None:
        given = {1: size, 2: owner, 4: mode, 8: times}
        packed = struct.pack(">I", sum(flag for flag, value in given.items() if value is not None))
        packed += b"" if size is None else struct.pack(">Q", size)
        packed += b"" if owner is None else struct.pack(">II", *owner)
        packed += b"" if mode is None else struct.pack(">I", mode)
        packed += b"" if times is None else struct.pack(">II", *times)
        self.assertEqual(Reader(packed).attributes(), Attributes(size, owner, mode, times))
        for length in range(len(packed)):
            with self.assertRaises(ValueError):
                Reader(packed[:length]).attributes()
