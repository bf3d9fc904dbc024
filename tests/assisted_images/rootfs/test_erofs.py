"""EROFS images made by mkfs.erofs, and what other versions of it would have made of them."""

from __future__ import annotations

import io
import lzma
import random
import re
import struct
import subprocess
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import zstandard
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.iso9660.errors import IsoError
from assisted_images.rootfs.erofs import Erofs, Inode, read_program
from assisted_images.rootfs.erofs_clusters import Clusters, CompressedInode
from assisted_images.values import Extent
from tests.assisted_images.live.images import filler
from tests.properties import given, settings
from tests.running import found_program

LIMIT = 64 << 20
PROGRAM_PATH = "ostree/deploy/rhcos/deploy/ab.0/usr/bin/nmstatectl"
Compress = Callable[[bytes], bytes]


def mixed(size: int, seed: int = 1) -> bytes:
    """Content of which some parts compress well, some little and some not at all."""
    source = random.Random(seed)
    parts: list[bytes] = []
    while sum(len(part) for part in parts) < size:
        length = source.randrange(100, 60_000)
        kind = source.randrange(4)
        parts.append(
            (
                source.randbytes(length),
                bytes(length),
                filler(f"text {length}", length),
                bytes(source.choices(b"abcdefgh", k=length)),
            )[kind]
        )
    return b"".join(parts)[:size]


PROGRAM = mixed(900_001)
TEXT = bytes(random.Random(5).choices(b"abcdefgh", k=500_000))
"""Which LZ4 compresses less than others do."""

FILES = {
    PROGRAM_PATH: PROGRAM,
    "usr/share/nmstatectl": b"not this one",
    "etc/empty": b"",
    "etc/block": bytes(range(256)) * 16,
    "etc/tail": mixed(4096 * 3 + 17, 2),
    **{f"many/{number:04}": b"%d" % number for number in range(600)},
}


@cache
def compressors() -> frozenset[str]:
    """Those that this mkfs.erofs was built with: Debian 12's has LZ4 alone."""
    done = subprocess.run(
        [found_program("mkfs.erofs"), "--help"], capture_output=True, text=True, check=False
    )
    listed = (done.stdout + done.stderr).rpartition("compressors are:")[2]
    return frozenset(re.findall("[a-z0-9]+", listed))


def full_indexes() -> tuple[str, str]:
    """
    Options for full indexes and LZ4, with zeros in front of what is compressed.

    Where LZ4 is all there is in an image, mkfs.erofs 1.8 leaves the zeros out for older kernels.
    """
    return "-zlz4hc:deflate" if "deflate" in compressors() else "-zlz4hc", "-Elegacy-compress"


class ImageTests(SynchronousTestCase):
    """What all tests here do with images."""

    def made(self, *options: str, files: dict[str, bytes] = FILES) -> bytes:
        root, image = Path(self.mktemp()), Path(self.mktemp())
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        command = ["mkfs.erofs", "-T0", "-U00000000-0000-0000-0000-000000000001", *options]
        subprocess.run([*command, str(image), str(root)], capture_output=True, check=True)
        return image.read_bytes()

    def system(self, image: bytes) -> Erofs:
        return Erofs(io.BytesIO(b"before" + image + b"behind"), Extent(6, len(image)))

    def program(self, image: bytes) -> bytes:
        return read_program(io.BytesIO(image), Extent(0, len(image)), "/usr/bin/nmstatectl", LIMIT)

    def inode(self, image: bytes, path: str) -> Inode:
        system = self.system(image)
        return system.inode(dict(system.files())[f"/{path}"])

    def clusters(self, image: bytes, inode: Inode) -> Clusters:
        system = self.system(image)
        known = CompressedInode(inode.end, inode.size, inode.layout == 1)
        return Clusters(system.read_at, known, 12, has_zero_padding=system.has_zero_padding)


class MadeByMkfsTests(ImageTests):
    """All files come out as they went in."""

    def check(self, *options: str) -> bytes:
        image = self.made(*options)
        system = self.system(image)
        found = {path: system.read(system.inode(number)) for path, number in system.files()}
        self.assertEqual(found, {f"/{path}": content for path, content in FILES.items()})
        return image

    def test_uncompressed(self) -> None:
        for options in ((), ("-Enoinline_data",), ("-Eforce-inode-extended",)):
            self.check(*options)

    def test_lz4(self) -> None:
        for options in ((), ("-C65536",), ("-C1048576",), ("-C16384", "--max-extent-bytes=100000")):
            self.check("-zlz4hc", *options)
        self.check("-zlz4")

    def test_full_indexes(self) -> None:
        """As Linux 4.19 reads them, and newer versions for files that share data."""
        for options in ((), ("-C65536",)):
            image = self.check(*full_indexes(), *options)
            self.assertEqual(self.inode(image, PROGRAM_PATH).layout, 1)

    def test_tails_in_inodes(self) -> None:
        for options in ((), ("-C65536",)):
            self.check("-zlz4hc", "-Eztailpacking", *options)
            self.check(*full_indexes(), "-Eztailpacking", *options)

    def test_no_zero_padding(self) -> None:
        """Nothing says where what is compressed ends, as Linux before 5.3 had it."""
        image = bytearray(self.made("-zlz4"))
        image[1024 + 80] &= ~0x01
        with self.assertRaisesRegex(IsoError, "its LZ4 has no zero padding"):
            self.program(bytes(image))

    def test_program(self) -> None:
        self.assertEqual(self.program(self.made("-zlz4hc", "-C65536")), PROGRAM)

    def test_no_program(self) -> None:
        with self.assertRaisesRegex(IsoError, "no usr/bin/nmstatectl in root.erofs"):
            self.program(self.made(files={"usr/share/nmstatectl": b"x"}))

    def test_chunks(self) -> None:
        with self.assertRaisesRegex(IsoError, "it has files in chunks"):
            self.program(self.made("--chunksize=65536"))


class OtherVersionsTests(ImageTests):
    """What mkfs.erofs 1.5 cannot write, made of what it wrote."""

    def recompressed(self, algorithm: int, compress: Compress, *options: str) -> bytes:
        """The program's physical clusters filled anew, with zeros in front."""
        image = bytearray(self.made("-C65536", *options, files={PROGRAM_PATH: TEXT}))
        inode = self.inode(bytes(image), PROGRAM_PATH)
        clusters = self.clusters(bytes(image), inode)
        for extent in clusters.extents(0, inode.size):
            if not extent.head.is_plain:
                new = compress(clusters.content(extent)).rjust(extent.physical_length, b"\0")
                self.assertEqual(len(new), extent.physical_length)
                image[extent.physical_position : extent.physical_position + len(new)] = new
        image[-(-inode.end // 8) * 8 + 6] = algorithm
        return bytes(image)

    def test_algorithms(self) -> None:
        for algorithm, compress in enumerate((micro_lzma, deflated, zstd), start=1):
            for options in (("-zlz4hc",), full_indexes()):
                image = self.recompressed(algorithm, compress, *options)
                self.assertEqual(self.program(image), TEXT)

    def test_unknown_algorithm(self) -> None:
        with self.assertRaisesRegex(IsoError, "it has compression 4"):
            self.program(self.recompressed(4, deflated, "-zlz4hc"))

    def with_fragments(self, program: bytes, packed: bytes) -> bytearray:
        """The file C{packed} becomes the one that has all fragments."""
        image = bytearray(
            self.made("-zlz4hc", "-C65536", files={PROGRAM_PATH: program, "packed": packed})
        )
        struct.pack_into("<Q", image, 1024 + 96, self.inode(bytes(image), "packed").number)
        image[1024 + 80] |= 0x20
        return image

    def test_whole_file_in_fragments(self) -> None:
        """mkfs.erofs -Eall-fragments, as CoreOS images are made."""
        image = self.with_fragments(PROGRAM, bytes(5000) + PROGRAM + b"others")
        header = -(-self.inode(bytes(image), PROGRAM_PATH).end // 8) * 8
        struct.pack_into("<Q", image, header, 1 << 63 | 5000)
        # so that nothing else can be what is read
        self.wipe(image, PROGRAM_PATH)
        self.assertEqual(self.program(bytes(image)), PROGRAM)
        image[1024 + 80] &= ~0x20
        with self.assertRaisesRegex(IsoError, "the file system has none"):
            self.program(bytes(image))

    def wipe(self, image: bytearray, path: str) -> None:
        inode = self.inode(bytes(image), path)
        header = -(-inode.end // 8) * 8
        indexes = -(-inode.size // 4096) * 2
        image[header + 8 : header + 8 + indexes] = b"\xff" * indexes

    def test_end_of_file_in_fragments(self) -> None:
        """mkfs.erofs -Efragments."""
        image = self.with_fragments(PROGRAM, b"others" + PROGRAM)
        inode = self.inode(bytes(image), PROGRAM_PATH)
        *_, last = self.clusters(bytes(image), inode).extents(0, inode.size)
        header = -(-inode.end // 8) * 8
        (advice,) = struct.unpack_from("<H", image, header + 4)
        struct.pack_into("<IH", image, header, len(b"others") + last.start, advice | 0x20)
        image[last.physical_position : last.physical_position + last.physical_length] = bytes(
            last.physical_length
        )
        self.assertEqual(self.program(bytes(image)), PROGRAM)

    def test_fragments_of_fragments(self) -> None:
        image = self.with_fragments(PROGRAM, PROGRAM)
        for path in (PROGRAM_PATH, "packed"):
            header = -(-self.inode(bytes(image), path).end // 8) * 8
            struct.pack_into("<Q", image, header, 1 << 63)
        with self.assertRaisesRegex(IsoError, "the fragments of root.erofs have fragments"):
            self.program(bytes(image))

    def test_shared_clusters(self) -> None:
        """mkfs.erofs -Ededupe: an extent may be less than what its physical cluster holds."""
        image = bytearray(self.made(*full_indexes(), "-C65536"))
        inode = self.inode(bytes(image), PROGRAM_PATH)
        *_, last = self.clusters(bytes(image), inode).extents(0, inode.size)
        self.assertFalse(last.head.is_plain)
        entry = -(-inode.end // 8) * 8 + 16 + (last.start >> 12) * 8
        image[entry + 1] |= 0x80
        system = self.system(bytes(image))
        at = image.index(struct.pack("<I", len(PROGRAM)), 1152)
        struct.pack_into("<I", image, at, len(PROGRAM) - 100)
        self.assertEqual(system.read(inode), PROGRAM)
        self.assertEqual(self.program(bytes(image)), PROGRAM[:-100])

    def test_unknown_features(self) -> None:
        for bit, name in ((0x80, "48-bit block numbers"), (0x100, "compressed"), (0x200, "0x200")):
            image = bytearray(self.made())
            (features,) = struct.unpack_from("<I", image, 1024 + 80)
            struct.pack_into("<I", image, 1024 + 80, features | bit)
            with self.assertRaisesRegex(IsoError, f"root.erofs cannot be read: it has .*{name}"):
                self.program(bytes(image))


class HostileTests(ImageTests):
    """Whatever is in an image: a reason; no hang, no absurd read."""

    def setUp(self) -> None:
        files = {PROGRAM_PATH: PROGRAM[:200_000], "etc/x": b"x", "etc/tail": FILES["etc/tail"]}
        kinds = (
            ("-zlz4hc", "-C65536", "-Eztailpacking"),
            ("-zlz4hc",),
            (*full_indexes(), "-C65536"),
        )
        self.images = [self.made(*options, files=files) for options in kinds]

    def look(self, content: bytes) -> None:
        try:
            self.assertLessEqual(len(self.program(content)), LIMIT)
        except IsoError as problem:
            self.assertNotEqual(str(problem), "")

    @settings(max_examples=150)
    @given(st.data())
    def test_changed_numbers(self, data: st.DataObject) -> None:
        """The superblock, inodes, directories and indexes are in the first blocks."""
        content = bytearray(data.draw(st.sampled_from(self.images)))
        for _ in range(data.draw(st.integers(1, 5))):
            place = data.draw(st.integers(1024 // 2, min(len(content), 12288) // 2 - 4)) * 2
            width = data.draw(st.sampled_from("BHIQ"))
            number = data.draw(st.integers(0, 256 ** struct.calcsize(width) - 1))
            struct.pack_into(f"<{width}", content, place, number)
        self.look(bytes(content))

    @settings(max_examples=60)
    @given(st.data())
    def test_cut_off(self, data: st.DataObject) -> None:
        image = data.draw(st.sampled_from(self.images))
        self.look(image[: data.draw(st.integers(0, len(image)))])

    def test_loop(self) -> None:
        """A directory in itself."""
        image = bytearray(self.made(files={"aaaaaaaa/b": b"x", PROGRAM_PATH: b"x"}))
        (root,) = struct.unpack_from("<H", image, 1024 + 14)
        at = self.entry_of(image, b"aaaaaaaa")
        struct.pack_into("<Q", image, at, root)
        with self.assertRaisesRegex(IsoError, "form a loop at /aaaaaaaa"):
            list(self.system(bytes(image)).files())

    def entry_of(self, image: bytearray, name: bytes) -> int:
        """Where the root's entry with that name is: the third, behind "." and ".."."""
        (root,) = struct.unpack_from("<H", image, 1024 + 14)
        return self.system(bytes(image)).inode(root).end + 2 * 12

    def test_limit(self) -> None:
        image = self.images[0]
        with self.assertRaisesRegex(IsoError, "nmstatectl has 200000 bytes in root.erofs"):
            read_program(io.BytesIO(image), Extent(0, len(image)), "/usr/bin/nmstatectl", 199_999)

    def test_no_file_system(self) -> None:
        with self.assertRaisesRegex(IsoError, "no superblock of EROFS"):
            self.program(bytes(5000))
        with self.assertRaisesRegex(IsoError, "root.erofs has 7 bytes"):
            self.program(bytes(7))


def deflated(content: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(content) + compressor.flush()


def zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=19).compress(content)


def micro_lzma(content: bytes) -> bytes:
    """An LZMA stream with the inverse of its properties in place of the first byte."""
    stream = lzma.compress(
        content,
        lzma.FORMAT_RAW,
        filters=[{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}],
    )
    assert stream[0] == 0
    return bytes([0xFF ^ (2 * 5 * 9 + 3)]) + stream[1:]
