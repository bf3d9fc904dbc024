"""What is made from an OS image: the archive with nmstatectl, the minimal ISO."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.catalog.catalog import Entry
from assisted_images.live.layout import read_layout
from assisted_images.store.checks import Checked
from assisted_images.store.derived import ready_image
from assisted_images.store.records import Stamp
from assisted_images.store.states import ReadyImage
from assisted_images.values import Architecture, ImageType
from httpd.concurrency.threads import run_at_once
from httpd.representation.segments import BytesSegment, Representation
from tests.assisted_images.store.images import entry, os_image

_SHA256 = hashlib.sha256(os_image()).hexdigest()

BASE = "https://images.example/prefix/"


def new_bytes(image: Representation) -> bytes:
    """All bytes of a minimal ISO that are not the full one's."""
    return b"".join(bytes(s.data) for s in image if isinstance(s, BytesSegment))


class DerivedTests(SynchronousTestCase):
    """On a sound image."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()

    def content(self, image: Entry, base_url: str | None = BASE) -> ReadyImage:
        path = self.directory / image.file_name
        path.write_bytes(os_image())
        with path.open("rb") as file:
            checked = Checked(read_layout(file), Stamp.of(os.fstat(file.fileno())), _SHA256)
        return ready_image(path, checked, image, base_url, run_at_once)

    def test_own_rootfs(self) -> None:
        """Hosts fetch the rootfs from here, wherever here is for them."""
        content = self.content(entry("http://x", architecture=Architecture.ARM64))
        assert content.minimal is not None
        url = b"https://images.example/prefix/boot-artifacts/rootfs?arch=arm64&version=417.1"
        self.assertIn(b'coreos.live.rootfs_url="%b"' % url, new_bytes(content.minimal.image))
        self.assertEqual((content.minimal_missing, content.nmstate), (None, None))
        self.assertEqual(content.image.length, len(os_image()))

    def test_other_rootfs(self) -> None:
        image = Entry("4.17", Architecture.X86_64, "http://x", "1", rootfs_url="http://r/oot")
        content = self.content(image, None)
        assert content.minimal is not None
        self.assertIn(b"http://r/oot", new_bytes(content.minimal.image))

    def test_rootfs_nowhere(self) -> None:
        content = self.content(entry("http://x"), None)
        self.assertIsNone(content.minimal)
        self.assertIn("IMAGE_SERVICE_BASE_URL", content.minimal_missing or "")

    def test_s390x(self) -> None:
        content = self.content(entry("http://x", architecture=Architecture.S390X))
        self.assertIsNone(content.minimal)
        self.assertIn("s390x", content.minimal_missing or "")

    def test_disconnected(self) -> None:
        """Is served as it is: no minimal ISO, no nmstatectl, nothing missing."""
        content = self.content(
            entry("http://x", "419.1", "4.19", image_type=ImageType.DISCONNECTED)
        )
        self.assertEqual(
            [content.minimal, content.minimal_missing, content.nmstate, content.nmstate_missing],
            [None] * 4,
        )

    def test_nmstate_is_missing(self) -> None:
        """The rest is served all the same, and the reason is known."""
        content = self.content(entry("http://x", "418.1", "4.18.0-ec.0"))
        self.assertEqual((content.minimal, content.nmstate), (None, None))
        self.assertIn("no nmstatectl: root.squashfs", content.nmstate_missing or "")
        self.assertEqual(content.minimal_missing, content.nmstate_missing)
        self.assertEqual(content.image.length, len(os_image()))

    def test_nmstate_from_before(self) -> None:
        """An archive that is there, such as the Go service's, is used as it is."""
        archive = gzip.compress(b"nmstatectl")
        (self.directory / "nmstatectl-418.1-x86_64").write_bytes(archive)
        content = self.content(entry("http://x", "418.1", "4.18"))
        assert content.nmstate is not None
        assert content.minimal is not None
        self.assertEqual(content.nmstate.length, len(archive))
        self.assertIn(b"/images/nmstate.img", new_bytes(content.minimal.image))

    def test_same_on_all_replicas(self) -> None:
        """Whenever, and wherever, the files were written: the same ETags."""
        digests = []
        for moment in (1000, 2000):
            self.setUp()
            archive = self.directory / "nmstatectl-418.1-x86_64"
            archive.write_bytes(gzip.compress(b"nmstatectl", mtime=0))
            os.utime(archive, (moment, moment))
            content = self.content(entry("http://x", "418.1", "4.18"))
            assert content.nmstate is not None
            assert content.minimal is not None
            parts = (content.image, content.nmstate, content.minimal.image)
            digests.append([part.digest for part in parts])
        self.assertEqual(digests[0], digests[1])

    def test_nmstate_broken_off(self) -> None:
        """A file that is no archive is not used."""
        (self.directory / "nmstatectl-418.1-x86_64").write_bytes(b"")
        content = self.content(entry("http://x", "418.1", "4.18"))
        self.assertIsNone(content.nmstate)

    def test_nmstate_damaged(self) -> None:
        """An archive that does not hold its own checksum is not used."""
        archive = bytearray(gzip.compress(b"nmstatectl" * 100))
        archive[15] ^= 1
        (self.directory / "nmstatectl-418.1-x86_64").write_bytes(archive)
        content = self.content(entry("http://x", "418.1", "4.18"))
        self.assertIsNone(content.nmstate)

    def test_nmstate_exchanged(self) -> None:
        """One that is whole, but is not the one that was there before, is not used."""
        path = self.directory / "nmstatectl-418.1-x86_64"
        path.write_bytes(gzip.compress(b"nmstatectl"))
        for _ in range(2):
            self.assertIsNotNone(self.content(entry("http://x", "418.1", "4.18")).nmstate)
        path.write_bytes(gzip.compress(b"something else"))
        content = self.content(entry("http://x", "418.1", "4.18"))
        self.assertIsNone(content.nmstate)

    def test_nmstate_is_lost(self) -> None:
        """Only its record is there."""
        path = self.directory / "nmstatectl-418.1-x86_64"
        path.write_bytes(gzip.compress(b"nmstatectl"))
        self.content(entry("http://x", "418.1", "4.18"))
        path.unlink()
        content = self.content(entry("http://x", "418.1", "4.18"))
        self.assertIn("root.squashfs", content.nmstate_missing or "")
