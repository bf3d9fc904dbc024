"""nmstatectl out of a squashfs in a cpio archive in an ISO."""

from __future__ import annotations

import gzip
import io
import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.live.layout import read_layout
from assisted_images.rootfs import cpio
from assisted_images.rootfs.nmstate import IsoError, nmstate_archive
from assisted_images.values import Extent
from tests.assisted_images.live.images import filler, tree, write_sparse

PROGRAM = filler("nmstatectl", 300_000) + bytes(500_000) + b"end"
DEPLOYMENT = "ostree/deploy/rhcos/deploy/0123abcd.0"


class NmstateTests(SynchronousTestCase):
    """The program is found wherever its path ends rightly, whatever the compression."""

    def squashfs(self, path: str, *options: str) -> bytes:
        root, image = Path(self.mktemp()), Path(self.mktemp())
        for name, content in ((path, PROGRAM), ("usr/share/nmstatectl", b"no"), ("etc/x", b"x")):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        subprocess.run(
            ["mksquashfs", str(root), str(image), "-quiet", "-no-progress", *options],
            capture_output=True,
            check=True,
        )
        return image.read_bytes()

    def archive(self, rootfs: bytes) -> bytes:
        path = write_sparse(tree(rootfs=rootfs), Path(self.mktemp()))
        with path.open("rb") as file:
            return nmstate_archive(file, read_layout(file).rootfs or ())

    def check(self, path: str, *options: str) -> None:
        squashfs = self.squashfs(path, *options)
        self.check_program(cpio.archive("root.squashfs", squashfs, 0o100644))

    def check_program(self, rootfs: bytes) -> None:
        raw = gzip.decompress(self.archive(rootfs))
        (member,) = cpio.members(io.BytesIO(raw), Extent(0, len(raw)))
        self.assertEqual((member.name, member.mode), ("usr/bin/nmstatectl", 0o100755))
        self.assertEqual(raw[member.content.offset : member.content.end], PROGRAM)

    def test_zstd(self) -> None:
        self.check(f"{DEPLOYMENT}/usr/bin/nmstatectl", "-comp", "zstd")

    def test_gzip(self) -> None:
        self.check(f"{DEPLOYMENT}/usr/bin/nmstatectl", "-comp", "gzip")

    def test_xz(self) -> None:
        self.check("usr/bin/nmstatectl", "-comp", "xz")

    def test_lz4(self) -> None:
        self.check("usr/bin/nmstatectl", "-comp", "lz4")

    def refused(self, rootfs: bytes, reason: str) -> None:
        with self.assertRaisesRegex(IsoError, reason):
            self.archive(rootfs)

    def test_no_program(self) -> None:
        squashfs = self.squashfs("usr/bin/other")
        self.refused(
            cpio.archive("root.squashfs", squashfs, 0), "no usr/bin/nmstatectl in root.squashfs"
        )

    def test_damaged(self) -> None:
        squashfs = bytearray(self.squashfs("usr/bin/nmstatectl", "-comp", "zstd"))
        squashfs[96:200_000] = b"\xa5" * (min(200_000, len(squashfs)) - 96)
        self.refused(
            cpio.archive("root.squashfs", bytes(squashfs), 0), "root.squashfs cannot be read: "
        )

    def test_erofs(self) -> None:
        root, image = Path(self.mktemp()), Path(self.mktemp())
        path = root / DEPLOYMENT / "usr/bin/nmstatectl"
        path.parent.mkdir(parents=True)
        path.write_bytes(PROGRAM)
        command = ["mkfs.erofs", "-zlz4hc", "-C65536", str(image), str(root)]
        subprocess.run(command, capture_output=True, check=True)
        self.check_program(cpio.archive("root.erofs", image.read_bytes(), 0o100644))

    def test_damaged_erofs(self) -> None:
        self.refused(cpio.archive("root.erofs", b"x", 0), "root.erofs has 1 bytes")

    def test_neither(self) -> None:
        self.refused(cpio.archive("etc/motd", b"x", 0), "neither root.squashfs nor root.erofs")

    def test_no_archive(self) -> None:
        self.refused(b"\x28\xb5\x2f\xfd" + bytes(500), r"rootfs.img: no cpio header \(newc\)")

    def test_pieces(self) -> None:
        with self.assertRaisesRegex(IsoError, "lies in 2 pieces"):
            nmstate_archive(io.BytesIO(), (Extent(0, 1), Extent(9, 1)))
