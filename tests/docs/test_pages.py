"""Every command of every page, but for what says that it takes more than C{make test} has."""

from __future__ import annotations

import re
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from demo.service import ROOT
from tests.docs.pages import Block, all_pages
from tests.docs.running import PageTestCase, test_of
from tests.docs.surroundings import needs_of

_LANGUAGES = {"sh", "text", "json", "yaml", "toml", "ini", "ipxe", "xml", "promql"}


class PageTests(PageTestCase):
    """A test for each page that has commands."""

    timeout = 600


for _page in all_pages():
    if any(block.is_command for block in _page.steps(at_length=False)) and not any(
        need.at_length for need in needs_of(_page)
    ):
        setattr(PageTests, *test_of(_page, at_length=False))


class BlockTests(SynchronousTestCase):
    """What blocks say of themselves."""

    def test_languages(self) -> None:
        """A command that is called by another name would not be run."""
        self.assertEqual(self.wrong(lambda block: block.language in _LANGUAGES), [])

    def test_who_else_sees_to_it(self) -> None:
        self.assertEqual(self.wrong(_known), [])

    def wrong(self, right: Callable[[Block], bool]) -> list[str]:
        return [
            f"{page.name}:{block.line}: {block.language} {block.comment}"
            for page in all_pages()
            for block in page.blocks
            if not right(block)
        ]


def _known(block: Block) -> bool:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    _, tested_by, who = block.comment.partition("tested by ")
    if not tested_by:
        return True
    make, _, target = who.partition(" ")
    return target in targets if make == "make" else (ROOT / who).is_file()
