"""The MD5 in an image, against isomd5sum's own programs (Debian's package isomd5sum)."""

from __future__ import annotations

import hashlib
import io
import subprocess
from itertools import pairwise
from pathlib import Path

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.iso9660.implanted_md5 import ImplantedMd5, Md5OfImage
from assisted_images.iso9660.volume import Volume
from tests.assisted_images.live.images import run, tree, write_genisoimage
from tests.properties import given, settings


def image(test: SynchronousTestCase) -> bytes:
    path = write_genisoimage(tree(), Path(test.mktemp()))
    run("implantisomd5", str(path))
    return path.read_bytes()


class ImplantedMd5Tests(SynchronousTestCase):
    def setUp(self) -> None:
        self.content = image(self)
        implanted = ImplantedMd5.read(Volume(io.BytesIO(self.content)))
        assert implanted is not None
        self.implanted = implanted

    def found(self, content: bytes, *cuts: int) -> str:
        total = Md5OfImage(self.implanted.length)
        places = [0, *sorted(cuts), len(content)]
        for start, end in pairwise(places):
            total.update(memoryview(content)[start:end])
        return total.text

    def test_none(self) -> None:
        plain = write_genisoimage(tree(), Path(self.mktemp())).read_bytes()
        self.assertIsNone(ImplantedMd5.read(Volume(io.BytesIO(plain))))

    @settings(max_examples=30)
    @given(st.lists(st.integers(33_000, 35_000), max_size=4))
    def test_however_it_is_cut(self, cuts: list[int]) -> None:
        self.assertEqual(self.found(self.content, *cuts), self.implanted.expected)

    def test_as_checkisomd5_has_it(self) -> None:
        """One byte is another: in the text itself, within what is summed, and behind it."""
        end = self.implanted.length
        for place in (0, 32768 + 882, 32768 + 1394, 32768 + 1395, end - 1, end):
            changed = bytearray(self.content)
            changed[place] ^= 1
            path = Path(self.mktemp())
            path.write_bytes(changed)
            done = subprocess.run(["checkisomd5", str(path)], capture_output=True, check=False)
            same = self.found(bytes(changed)) == self.implanted.expected
            self.assertEqual(same, done.returncode == 0, place)

    def test_cut_off(self) -> None:
        self.assertNotEqual(self.found(self.content[:-100_000]), self.implanted.expected)
        self.assertEqual(
            self.found(b""), hashlib.md5(b"", usedforsecurity=False).hexdigest(), "no trouble"
        )
