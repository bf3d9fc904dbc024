"""Damaged and malicious images, at random."""

from __future__ import annotations

import io
import struct
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.iso.layout import read_layout
from assisted_images.iso.volume import BLOCK, IsoError, Volume
from assisted_images.values import Architecture
from tests.iso.images import tree, write_xorriso


class HostileTests(SynchronousTestCase):
    """Whatever is in an image: it is read, or refused with a reason; never anything else."""

    def setUp(self) -> None:
        path = write_xorriso(tree(Architecture.PPC64LE), Path(self.mktemp()))
        self.content = path.read_bytes()

    def look(self, content: bytes) -> None:
        file = Watched(content)
        try:
            layout = read_layout(file)
            list(Volume(file).directories())
        except IsoError as problem:
            self.assertNotEqual(str(problem), "")
            return
        areas = [layout.ignition_area, *(layout.kernel or ()), *(layout.rootfs or ())]
        for area in filter(None, areas):
            self.assertLessEqual(area.end, len(content))
        if layout.kernel_argument_area is not None:
            last = max(layout.kernel_argument_area.positions) + layout.kernel_argument_area.size
            self.assertLessEqual(last, len(content))

    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def test_flipped_bytes(self, data: st.DataObject) -> None:
        """The first blocks are where all that is parsed lies."""
        content = bytearray(self.content)
        position = st.integers(16 * BLOCK, 64 * BLOCK)
        changes = st.lists(st.tuples(position, st.integers(0, 255)), min_size=1, max_size=8)
        for place, value in data.draw(changes):
            content[place] = value
        self.look(bytes(content))

    @settings(max_examples=100, deadline=None)
    @given(st.data())
    def test_changed_numbers(self, data: st.DataObject) -> None:
        """Block numbers and sizes of all magnitudes, where records have them."""
        content = bytearray(self.content)
        numbers = st.one_of(st.integers(0, 64), st.integers(0, 0xFFFFFFFF))
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(16 * BLOCK // 2, 40 * BLOCK // 2)) * 2
            struct.pack_into("<I", content, place, data.draw(numbers))
        self.look(bytes(content))

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_cut_off(self, data: st.DataObject) -> None:
        self.look(self.content[: data.draw(st.integers(0, len(self.content)))])


class Watched(io.BytesIO):
    """A file that refuses reads of absurd size, before they take memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert 0 <= size <= 8 << 20, f"a read of {size} bytes"
        return super().read(size)
