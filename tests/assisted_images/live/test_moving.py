"""An Ignition area behind the volume, looked at with other people's programs."""

from __future__ import annotations

import random
import re
import struct
import subprocess
import zlib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.live.compose import AreaOverflow, discovery_iso
from assisted_images.live.layout import read_layout
from assisted_images.values import Architecture, Configuration
from httpd.representation.segments import BytesSegment, Representation
from tests.assisted_images.live import fixtures
from tests.assisted_images.live.images import (
    FileSource,
    tree,
    write_genisoimage,
    write_sparse,
    write_xorriso,
)
from tests.assisted_images.live.rendering import whole, written
from tests.assisted_images.live.test_minimal import minimal
from tests.assisted_images.live.test_minimal_boot import output
from tests.coreos_reader import CoreosIso

LARGE = random.Random(4).randbytes(600 << 10)
SECTOR = 512


def composed(path: Path, ignition: bytes = LARGE) -> Representation:
    with path.open("rb") as file:
        layout = read_layout(file)
    return discovery_iso(whole(FileSource(path)), layout, Configuration(ignition))


class HybridTests(SynchronousTestCase):
    """isohybrid's images stay bootable as CD and as disk."""

    def setUp(self) -> None:
        self.full = write_genisoimage(tree(), Path(self.mktemp()), hybrid=True)
        self.moved = written(composed(self.full), Path(self.mktemp()))
        small = minimal(self.full)
        result = discovery_iso(small.image, small.layout, Configuration(LARGE))
        self.moved_minimal = written(result, Path(self.mktemp()))

    def report(self, path: Path) -> list[str]:
        lines = output(
            *("xorriso", "-indev", str(path)),
            *("-report_el_torito", "plain", "-report_system_area", "plain"),
        ).splitlines()
        sizes = ("ISO image size", "MBR partition      :   1", "GPT start and size :   1")
        return [re.sub(r"\d+$", "N", line) if line.startswith(sizes) else line for line in lines]

    def test_boot_records(self) -> None:
        """El Torito and the partitions are where they were; only the whole image's size differs."""
        found, expected = self.report(self.moved), self.report(self.full)
        gpt_range = "GPT lba range"
        self.assertEqual(
            [line for line in found if not line.startswith(gpt_range)],
            [line for line in expected if not line.startswith(gpt_range)],
        )

    def test_partition_tables(self) -> None:
        """Both copies of the GPT are valid and all partitions are inside the image."""
        for path in (self.moved, self.moved_minimal):
            content = path.read_bytes()
            self.assertEqual(len(content) % (1 << 20), 0, "not whole cylinders")
            last = len(content) // SECTOR - 1
            volume = CoreosIso(path).size
            first, count = struct.unpack_from("<II", content, 446 + 8)
            self.assertEqual((first, count), (0, last + 1))
            seen = [self.gpt(content, 1, last), self.gpt(content, last, 1)]
            self.assertEqual(*seen)
            self.assertEqual(struct.unpack_from("<QQ", seen[0], 32), (0, volume // SECTOR - 1))
            self.assertLessEqual(volume, (last + 1 - 33) * SECTOR)

    def gpt(self, content: bytes, here: int, other: int) -> bytes:
        """The partition entries of the copy whose header is in the sector C{here}."""
        header = bytearray(content[here * SECTOR : here * SECTOR + 92])
        checksum = struct.unpack_from("<I", header, 16)[0]
        header[16:20] = bytes(4)
        self.assertEqual(zlib.crc32(header), checksum)
        self.assertEqual(struct.unpack_from("<QQ", header, 24), (here, other))
        at, number, size, entries_checksum = struct.unpack_from("<QIII", header, 72)
        entries = content[at * SECTOR : at * SECTOR + number * size]
        self.assertEqual(zlib.crc32(entries), entries_checksum)
        return entries

    def test_old_backup_is_gone(self) -> None:
        """A second backup in the middle would be an invitation to use it."""
        self.assertEqual(self.moved.read_bytes().count(b"EFI PART"), 2)

    def test_other_readers(self) -> None:
        """xorriso and isoinfo give out the archive, by both trees of names."""
        for path in (self.moved, self.moved_minimal):
            iso = CoreosIso(path)
            expected = iso.at(iso.ignition_area)
            for kind in ("-R", "-J"):
                done = subprocess.run(
                    ["isoinfo", kind, "-x", "/images/ignition.img", "-i", str(path)],
                    capture_output=True,
                    check=True,
                )
                self.assertEqual(done.stdout, expected)
            target = Path(self.mktemp())
            done = subprocess.run(
                [
                    *("xorriso", "-osirrox", "on", "-indev", str(path)),
                    *("-extract", "/images/ignition.img", str(target)),
                ],
                capture_output=True,
                check=True,
            )
            self.assertEqual(target.read_bytes(), expected)
            for line in done.stderr.decode().splitlines():
                self.assertNotRegex(line, "WARNING|FAILURE|SORRY|FATAL|MISHAP")

    def test_nothing_else_changes(self) -> None:
        """Of the full image's volume only sizes, two directory records and the partition tables."""
        before, after = self.full.read_bytes(), self.moved.read_bytes()
        end = CoreosIso(self.full).size
        different = {place for place in range(32768, end) if before[place] != after[place]}
        self.assertLessEqual(len(different), 2 * 8 + 2 * 16)

    def test_memory(self) -> None:
        """The new bytes are the archive, its overlays and the GPT; padding is no bytes."""
        new = sum(s.length for s in composed(self.full) if isinstance(s, BytesSegment))
        self.assertLess(new, len(LARGE) + 100_000)

    def test_deterministic(self) -> None:
        self.assertEqual(composed(self.full).digest, composed(self.full).digest)
        self.assertNotEqual(composed(self.full).digest, composed(self.full, LARGE + b"x").digest)


class OtherTests(SynchronousTestCase):
    """Images of other shapes, and those that have to stay as they are."""

    def test_without_partitions(self) -> None:
        path = write_genisoimage(tree(), Path(self.mktemp()))
        moved = written(composed(path), Path(self.mktemp()))
        iso = CoreosIso(moved)
        self.assertEqual(moved.read_bytes()[:32768], bytes(32768))
        self.assertEqual(moved.stat().st_size, iso.size)
        self.assertEqual(iso.ignition_config, LARGE)

    def test_chrp(self) -> None:
        """ppc64le: its partition grows; the HFS+ tree, which has the old place, is not named."""
        options = ("-chrp-boot-part", "-hfsplus", "-apm-block-size", "2048")
        path = write_xorriso(tree(Architecture.PPC64LE), Path(self.mktemp()), *options)
        content = written(composed(path), Path(self.mktemp())).read_bytes()
        first, count = struct.unpack_from("<II", content, 446 + 8)
        self.assertEqual((content[450], first, count * SECTOR), (0x96, 0, len(content)))
        self.assertNotIn(b"Apple_HFS", content[:32768])

    def test_header_of_2021(self) -> None:
        """Before igninfo.json, the system area said where the area is; it still has to be true."""
        path = write_genisoimage(tree(kargs="marker"), Path(self.mktemp()))
        content = bytearray(path.read_bytes())
        content[32672:32680] = b"coreKarg"
        struct.pack_into("<8sQQ", content, 32744, b"coreiso+", *CoreosIso(path).ignition_area)
        path.write_bytes(content)
        iso = CoreosIso(written(composed(path), Path(self.mktemp())))
        header = struct.unpack_from("<8sQQ", iso.at((0, 32768)), 32744)
        self.assertEqual(header, (b"coreiso+", *iso.ignition_area))
        self.assertEqual(iso.at((32672, 72)), bytes(content[32672:32744]))

    def test_5_gib(self) -> None:
        """The area goes to a place beyond 4 GiB."""
        path = write_sparse(tree(rootfs=5 << 30), Path(self.mktemp()))
        iso = CoreosIso(written(composed(path), Path(self.mktemp())))
        self.assertGreater(iso.ignition_area[0], 5 << 30)
        self.assertEqual(iso.ignition_config, LARGE)

    def test_damaged_joliet(self) -> None:
        """Nobody needs it as long as the config fits."""
        path = write_genisoimage(tree(), Path(self.mktemp()))
        content = bytearray(path.read_bytes())
        struct.pack_into("<I", content, 18 * 2048 + 156 + 2, 0xFFFFFF)
        path.write_bytes(content)
        with self.assertRaises(AreaOverflow):
            composed(path)
        self.assertEqual(composed(path, b"{}").length, len(content))


class FixtureTests(SynchronousTestCase):
    """Real images of the CoreOS project."""

    skip = fixtures.MISSING

    def test_x86_64(self) -> None:
        for name in ("2021-01", "2022-09", "2023-07.x86_64"):
            path = Path(self.mktemp())
            path.write_bytes(fixtures.fixture(name))
            iso = CoreosIso(written(composed(path), Path(self.mktemp())))
            self.assertEqual(iso.ignition_config, LARGE)
            if name == "2021-01":
                content = iso.at((0, 32768))
                header = struct.unpack_from("<8sQQ", content, 32744)
                self.assertEqual(header, (b"coreiso+", *iso.ignition_area))
                self.assertIn(b"coreKarg", content)

    def test_s390x(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(fixtures.fixture("2023-07.s390x"))
        with self.assertRaises(AreaOverflow):
            composed(path)
