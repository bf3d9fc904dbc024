"""What cannot be right in an infra-env's files."""

from __future__ import annotations

import gzip
import lzma

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.infra_envs.configurations import LARGEST_PART
from assisted_images.infra_envs.contents import (
    WrongContent,
    require_ignition,
    require_ramdisk,
)
from assisted_images.rootfs.cpio import archive, gzipped
from tests.properties import given

CPIO = archive("etc/NetworkManager/x", b"swordfish" * 100, 0o100600)


def raw_zstd(content: bytes) -> bytes:
    """A frame with one block that is not compressed (RFC 8878, section 3.1.1)."""
    size = len(content)
    head = b"\x28\xb5\x2f\xfd\xa0" + size.to_bytes(4, "little")
    return head + (size << 3 | 1).to_bytes(3, "little") + content


class IgnitionTests(SynchronousTestCase):
    """A JSON object; which one is Ignition's matter."""

    def test_right(self) -> None:
        for content in (b"{}", b'{"ignition": {"version": "3.2.0"}}', b' \n{"a": [{}, null]}\n'):
            require_ignition(content)

    def test_wrong(self) -> None:
        for content in (
            b"",
            b"swordfish",
            b"variant: fcos\nversion: 1.5.0\n",
            b'{"ignition": {"version": "3.2.0"}',
            b'{"swordfish": tru}',
            b'{"a": 1} swordfish',
            b'["swordfish"]',
            b'"swordfish"',
            b"null",
            b"\xef\xbb\xbf{}",
            b'{"\xff": 1}',
            b'{"a": ' + b"[" * 100_000,
            gzip.compress(b"{}"),
        ):
            with self.assertRaisesRegex(
                WrongContent, "^no Ignition config .*expected a JSON ob"
            ) as e:
                require_ignition(content)
            self.assertNotIn("swordfish", str(e.exception))

    @given(st.binary())
    def test_anything(self, content: bytes) -> None:
        with self.assertRaises(WrongContent):
            require_ignition(content.replace(b"{", b""))


class RamdiskTests(SynchronousTestCase):
    """What a kernel unpacks, whole."""

    compressed = (gzip.compress(CPIO), lzma.compress(CPIO), raw_zstd(CPIO))

    def test_right(self) -> None:
        padded = gzipped("etc/x", b"x" * 10, 0o100644) + b"\0" * 512
        for content in (b"", CPIO, CPIO + bytes(512), padded, *self.compressed):
            require_ramdisk(content)

    def test_wrong(self) -> None:
        for content in (
            b"swordfish",
            b"{}",
            gzip.compress(b"swordfish"),
            CPIO[:-200],
            CPIO.replace(b"070701", b"070707"),
            b"\x1f\x8bswordfish",
            *(content[: len(content) // 2] for content in self.compressed),
        ):
            with self.assertRaisesRegex(WrongContent, "^no ramdisk .*expected a cpio") as caught:
                require_ramdisk(content)
            self.assertNotIn("swordfish", str(caught.exception))

    def test_bomb(self) -> None:
        """What is small, and huge when it is unpacked, is unpacked to the limit only."""
        huge = gzip.compress(bytes(LARGEST_PART + 1), 9)
        with self.assertRaisesRegex(WrongContent, "^too large: more than 67108864 bytes when"):
            require_ramdisk(huge)

    @given(st.binary(min_size=1))
    def test_anything(self, content: bytes) -> None:
        with self.assertRaises(WrongContent):
            require_ramdisk(content)
