"""Which blocks go first."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.on_demand.eviction import least_recently_used
from tests.properties import given

_IMAGES = st.dictionaries(
    st.text(max_size=2),
    st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.integers(0, 2**63)), max_size=20),
    max_size=4,
)


class EvictionTests(SynchronousTestCase):
    @given(images=_IMAGES, most=st.integers(0, 30))
    def test_no_block_stays_that_was_used_before_one_that_goes(
        self, images: dict[str, list[tuple[int, int]]], most: int
    ) -> None:
        gone = least_recently_used(
            (
                (name, bytes(state for state, _ in blocks), [use for _, use in blocks])
                for name, blocks in images.items()
            ),
            most,
        )
        here = {
            (name, block): use
            for name, blocks in images.items()
            for block, (state, use) in enumerate(blocks)
            if state
        }
        self.assertEqual(len(set(gone)), len(gone))
        self.assertEqual(len(gone), min(most, len(here)))
        uses = [here[each] for each in gone]  # only what is here goes
        self.assertEqual(uses, sorted(uses))
        staying = [use for each, use in here.items() if each not in set(gone)]
        if uses and staying:
            self.assertLessEqual(max(uses), min(staying))
