"""C{make docs-test}: the pages that take more than C{make test} has, as a whole."""

from __future__ import annotations

from tests.docs.pages import AT_LENGTH, all_pages
from tests.docs.running import PageTestCase, test_of
from tests.docs.surroundings import needs_of


class WholePageTests(PageTestCase):
    """A test for each."""

    timeout = 7200


for _page in all_pages():
    if any(block.comment == AT_LENGTH for block in _page.blocks) or any(
        need.at_length for need in needs_of(_page)
    ):
        setattr(WholePageTests, *test_of(_page, at_length=True))
