"""Damaged and malicious images, at random; C{make fuzz} tries many more."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.assisted_images.live import hostile
from tests.properties import given, settings


class HostileTests(SynchronousTestCase):
    """Whatever is in an image: it is read, or refused with a reason; never anything else."""

    @settings(max_examples=250)
    @given(st.data())
    def test_changed_numbers(self, data: st.DataObject) -> None:
        hostile.changed_numbers(data)

    @settings(max_examples=60)
    @given(st.data())
    def test_cut_off(self, data: st.DataObject) -> None:
        hostile.cut_off(data)

    @settings(max_examples=250)
    @given(st.data())
    def test_other_json(self, data: st.DataObject) -> None:
        hostile.other_json(data)

    @settings(max_examples=250)
    @given(st.data())
    def test_changed_rootfs(self, data: st.DataObject) -> None:
        hostile.changed_rootfs(data)

    def test_sound_images_are_read(self) -> None:
        """What is changed above was fine before."""
        for seed in hostile.iso_seeds():
            hostile.look_at_iso(seed.content)

    def test_reads_are_watched(self) -> None:
        """Without which the cases above would show nothing of memory."""
        with self.assertRaises(AssertionError):
            hostile.Watched(b"").read(hostile.LARGEST_READ + 1)
