"""Files in DATA_DIR: which are this service's, and how they come and go."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.catalog.catalog import Entry
from assisted_images.downloads.durable import write_whole
from assisted_images.downloads.parts import Part, Provenance
from assisted_images.oci.references import PullSpec
from assisted_images.store.files import (
    Removal,
    file_size,
    remove_part,
    remove_set_aside,
    remove_unaccounted,
    set_aside,
)
from assisted_images.values import Architecture, ImageType
from tests.assisted_images.store.images import entry

ACCOUNTED = [
    "rhcos-full-iso-417.1-x86_64.iso",
    "rhcos-full-iso-417.1-x86_64.iso.part",
    "rhcos-full-iso-417.1-x86_64.iso.part.json",
    "rhcos-full-iso-417.1-x86_64.iso.refused",
    "rhcos-full-iso-417.1-x86_64.iso.checked.json",
    "nmstatectl-417.1-x86_64",
    "rhcos-disconnected-iso-417.1-arm64.iso",
    "rhcos-full-iso-4.14.0-arm64.iso",
    "rhcos-full-iso-4.14.0-arm64.iso.release.json",
]
UNACCOUNTED = [
    "rhcos-full-iso-416.1-x86_64.iso",
    "rhcos-full-iso-417.1-arm64.iso",
    "rhcos-disconnected-iso-417.1-x86_64.iso",
    "rhcos-full-iso-416.1-x86_64.iso.part",
    "rhcos-full-iso-416.1-x86_64.iso.part.json",
    "rhcos-full-iso-416.1-x86_64.iso.refused",
    "rhcos-full-iso-416.1-x86_64.iso.checked.json",
    "rhcos-full-iso-416.1-x86_64.iso.release.json",
    "rhcos-full-iso-417.1-x86_64.iso.release.json",
    "nmstatectl-416.1-x86_64",
    "nmstatectl-416.1-x86_64.checked.json",
]
OF_THE_GO_SERVICE = [
    "rhcos-minimal-iso-417.1-x86_64.iso",
    "rhcos-minimal-iso-4.17-417.1-arm64.iso",
    "rootfs-1234567890.img",
    ".rhcos-full-iso-417.1-x86_64.iso1234567890",
    ".rhcos-disconnected-iso-416.1-x86_64.iso0",
    ".nmstatectl-417.1-x86_6412",
]
STRANGERS = [
    "rhcos-minimal-iso-417.1-x86_64.iso.backup",
    "my-rhcos-minimal-iso-417.1-x86_64.iso",
    "rhcos-minimal-iso-417.1-riscv64.iso",
    "rootfs-.img",
    "rootfs-417.1.img",
    "rootfs-x86_64.img",
    "rootfs-2026.img",
    "rootfs.img",
    ".rhcos-full-iso-417.1-x86_64.iso",
    ".rhcos-full-iso-417.1-x86_64.iso.swp",
    "lost+found",
    "notes.txt",
    "rhcos-full-iso-416.1-x86_64.iso.backup",
    "my-rhcos-full-iso-416.1-x86_64.iso",
    "rhcos-full-iso-x86_64.iso",
    "rhcos-416.1-x86_64-live.x86_64.iso",
    "nmstatectl",
    "nmstatectl-416.1-x86_64.txt",
]


class FilesTests(SynchronousTestCase):
    """On a directory of their own."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()

    def names(self) -> list[str]:
        return sorted(path.name for path in self.directory.iterdir())

    def test_unaccounted(self) -> None:
        """Only what this service names, and what no entry accounts for, goes."""
        for name in ACCOUNTED + UNACCOUNTED + OF_THE_GO_SERVICE + STRANGERS:
            (self.directory / name).write_bytes(b"")
        entries = [
            entry("http://x"),
            entry("http://x", architecture=Architecture.ARM64, image_type=ImageType.DISCONNECTED),
            Entry("4.14", Architecture.ARM64, "", "4.14.0", release=PullSpec("x.example", "a")),
        ]
        removals = remove_unaccounted(self.directory, entries)
        removed = sorted(UNACCOUNTED + OF_THE_GO_SERVICE)
        self.assertEqual(removals, [Removal(name) for name in removed])
        self.assertEqual(self.names(), sorted(ACCOUNTED + STRANGERS))

    def test_only_files(self) -> None:
        """Neither directories nor links, whatever their name."""
        (self.directory / UNACCOUNTED[0]).mkdir()
        (self.directory / UNACCOUNTED[1]).symlink_to("/etc/passwd")
        (self.directory / OF_THE_GO_SERVICE[0]).mkdir()
        (self.directory / OF_THE_GO_SERVICE[2]).symlink_to("/etc/passwd")
        self.assertEqual(remove_unaccounted(self.directory, []), [])
        self.assertEqual(len(self.names()), 4)

    def test_temporary_files(self) -> None:
        """One that was left behind goes; one that may still be written stays."""
        for name, modified in [("old", 0), ("new", None)]:
            for stem in ("nmstatectl-417.1-x86_64", "rhcos-full-iso-417.1-x86_64.iso.checked.json"):
                path = self.directory / f"{stem}.{name}.tmp"
                path.write_bytes(b"")
                if modified is not None:
                    os.utime(path, (modified, modified))
        remove_unaccounted(self.directory, [entry("http://x")])
        self.assertEqual(
            self.names(),
            [
                "nmstatectl-417.1-x86_64.new.tmp",
                "rhcos-full-iso-417.1-x86_64.iso.checked.json.new.tmp",
            ],
        )

    def test_parts_that_nobody_needs(self) -> None:
        """Go when their target is there, unless somebody is writing to them."""
        target = self.directory / "rhcos-full-iso-417.1-x86_64.iso"
        part = Part.open(target)
        part.restart(Provenance("digest"))
        target.write_bytes(b"")
        remove_part(target)
        self.assertEqual(len(self.names()), 3)
        part.close()
        remove_part(target)
        self.assertEqual(self.names(), [target.name])
        remove_part(target)

    def test_set_aside(self) -> None:
        path = self.directory / "image.iso"
        for content in [b"first", b"second"]:
            path.write_bytes(content)
            set_aside(path)
            self.assertEqual(self.names(), ["image.iso.refused"])
            self.assertEqual((self.directory / "image.iso.refused").read_bytes(), content)
        path.write_bytes(b"another process's")
        self.assertIsNone(set_aside(path, path.stat().st_ino + 1))
        self.assertTrue(path.exists())
        self.assertIsNotNone(set_aside(path, path.stat().st_ino))
        self.assertTrue(remove_set_aside(path))
        self.assertFalse(remove_set_aside(path))
        self.assertEqual(self.names(), [])

    def test_written_whole(self) -> None:
        path = self.directory / "nmstatectl-417.1-x86_64"
        path.write_bytes(b"before")
        write_whole(path, b"after")
        self.assertEqual(path.read_bytes(), b"after")
        self.assertEqual(path.stat().st_mode & 0o777, 0o644)
        self.assertEqual(self.names(), [path.name])

    def test_written_or_not(self) -> None:
        """A failure leaves nothing behind."""
        path = self.directory / "target"
        path.mkdir()
        with self.assertRaises(OSError):
            write_whole(path, b"content")
        self.assertEqual(self.names(), ["target"])

    def test_size(self) -> None:
        path = self.directory / "x"
        self.assertIsNone(file_size(path))
        path.write_bytes(b"abc")
        self.assertEqual(file_size(path), 3)
