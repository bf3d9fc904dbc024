"""Damaged and malicious squashfs images: the library that reads them believes all they say."""

from __future__ import annotations

import lzma
import struct
import subprocess
import zlib
from pathlib import Path

import lz4.block
import zstandard
from hypothesis import strategies as st
from PySquashfsImage import SquashFsImage
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.iso9660.errors import IsoError
from assisted_images.rootfs import decompression
from assisted_images.rootfs.squashfs import read_program
from assisted_images.values import Extent
from tests.assisted_images.live.hostile import Watched
from tests.assisted_images.live.images import filler
from tests.properties import given, settings

ENDING = "/usr/bin/nmstatectl"
PROGRAM = filler("nmstatectl", 300_000)
LIMIT = 1 << 20

INODES, BLOCK_SIZE, FRAGMENTS, BLOCK_LOG, USED = 4, 12, 16, 22, 40
"""Where in the superblock these are."""


class SquashfsTests(SynchronousTestCase):
    """A reason instead of memory or time without end."""

    def setUp(self) -> None:
        self.image = self.made("-comp", "zstd")
        self.uncompressed = self.made("-noI", "-noD", "-noF", "-noX")

    def made(self, *options: str) -> bytes:
        root, image = Path(self.mktemp()), Path(self.mktemp())
        for name, content in (("a/usr/bin/nmstatectl", PROGRAM), ("etc/x", b"x"), ("etc/y", b"y")):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        (root / "etc/link").symlink_to("x")
        command = ["mksquashfs", str(root), str(image), "-quiet", "-no-progress", "-noappend"]
        subprocess.run([*command, *options], capture_output=True, check=True)
        return image.read_bytes()

    def read(self, image: bytes, limit: int = LIMIT) -> bytes:
        file = Watched(b"before" + image)
        return read_program(file, Extent(6, len(image)), ENDING, limit)

    def check(self, offset: int, value: int, width: str, reason: str) -> None:
        image = bytearray(self.image)
        struct.pack_into(f"<{width}", image, offset, value)
        with self.assertRaisesRegex(IsoError, reason):
            self.read(bytes(image))

    def test_superblock(self) -> None:
        self.assertEqual(self.read(self.image), PROGRAM)
        self.check(0, 0, "I", "no superblock")
        self.check(INODES, 500_001, "I", "has 500001 inodes and . fragments; at most 500000")
        self.check(FRAGMENTS, 500_001, "I", "500001 fragments; at most 500000")
        self.check(BLOCK_SIZE, 1 << 21, "I", "blocks of 2097152 bytes")
        self.check(BLOCK_LOG, 21, "H", "blocks of 131072 bytes")
        self.check(USED, 1 << 40, "Q", "cut off")
        self.check(20, 3, "H", "compression 3, which is not known")

    def test_too_short(self) -> None:
        with self.assertRaisesRegex(IsoError, "no superblock fits in"):
            self.read(self.image[:95])

    def test_limit(self) -> None:
        with self.assertRaisesRegex(IsoError, "nmstatectl has 300000 bytes"):
            self.read(self.image, 299_999)

    def test_attributes_are_not_read(self) -> None:
        """Their table could be anywhere and of any length."""
        image = bytearray(self.image)
        struct.pack_into("<Q", image, 56, len(image) - 20)
        self.assertEqual(self.read(bytes(image)), PROGRAM)

    def test_endless_directory(self) -> None:
        """
        A few KiB of compressed metadata, and a header that says that 4 billion entries follow,
        whatever the directory's size is.
        """
        image = bytearray(self.uncompressed)
        with SquashFsImage.from_bytes(bytes(image)) as sound:
            start, offset = sound.root.inode.start, sound.root.inode.offset
        files = struct.pack("<HhHHc", 0, 0, 2, 0, b"x") * 900_000
        listing = bytes(offset) + struct.pack("<III", 0xFFFFFFF0, 0, 1) + files
        blocks = [zlib.compress(listing[at : at + 8192]) for at in range(0, len(listing), 8192)]
        struct.pack_into("<Q", image, 72, len(image) - start)  # the directory table
        struct.pack_into("<Q", image, USED, 0)
        image += b"".join(struct.pack("<H", len(block)) + block for block in blocks)
        with self.assertRaisesRegex(IsoError, "more than 1500000 directory entries"):
            self.read(bytes(image))

    @settings(max_examples=150)
    @given(st.data())
    def test_changed_bytes(self, data: st.DataObject) -> None:
        content = bytearray(self.image)
        # The superblock; and behind the data: inodes, directories, tables.
        start = len(content) - 4096 if len(content) > 8192 else 96
        places = st.one_of(st.integers(0, 95), st.integers(start, len(content) - 1))
        changes = st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=6)
        for place, value in data.draw(changes):
            content[place] = value
        try:
            self.assertLessEqual(len(self.read(bytes(content))), LIMIT)
        except IsoError as problem:
            self.assertNotEqual(str(problem), "")

    @settings(max_examples=150)
    @given(st.data())
    def test_changed_numbers_of_uncompressed_metadata(self, data: st.DataObject) -> None:
        """Where a changed number stays one, instead of breaking the compression."""
        content = bytearray(self.uncompressed)
        start = len(content) - 1024
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(start, len(content) - 8))
            width = data.draw(st.sampled_from("BHIQ"))
            number = data.draw(st.integers(0, 256 ** struct.calcsize(width) - 1))
            struct.pack_into(f"<{width}", content, place, number)
        try:
            self.assertLessEqual(len(self.read(bytes(content))), LIMIT)
        except IsoError as problem:
            self.assertNotEqual(str(problem), "")


class DecompressionTests(SynchronousTestCase):
    """No input makes more bytes than were asked for."""

    def test_bombs(self) -> None:
        size = 50 << 20
        raw = zlib.compressobj(wbits=-15)
        bombs = [
            (decompression.zlib_stream, zlib.compress(bytes(size))),
            (decompression.deflate, raw.compress(bytes(size)) + raw.flush()),
            (decompression.xz, lzma.compress(bytes(size))),
            (decompression.zstd, zstandard.compress(bytes(size))),
        ]
        for decompress, data in bombs:
            self.assertEqual(decompress(data, 1000), bytes(1000))
        with self.assertRaises(lz4.block.LZ4BlockError):
            decompression.lz4_block(lz4.block.compress(bytes(size), store_size=False), 1000)
