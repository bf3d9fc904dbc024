"""
What of a page is run, and what it promises.

A page says so in its own words where it can, and in comments of HTML where readers need not see it:

 - A block of C{sh} is run, in the order of the page, all in one shell.
 - With C{title="In a terminal of its own"} it goes on until the page is over.
 - A block of C{text} behind it, in the same section, is what it prints; C{…} stands for anything,
   and on a line of its own for any lines.
 - A block of any other kind that has a C{title} is the file of that name, but for absolute ones.
 - C{<!-- needs: … -->}, above the first block, names what of L{tests.docs.surroundings} the page
   finds, by commas.
 - C{<!-- tested by … -->} before a block says who else sees that it is right: a file of tests, or
   a target of make, of which C{make docs-test} runs the page as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import dedent

from demo.service import ROOT

BACKGROUND = "In a terminal of its own"

AT_LENGTH = "tested by make docs-test"

_FENCE = re.compile(r'^ *```([\w-]*)(?: +title="([^"]+)")? *$')
_COMMENT = re.compile(r"^ *<!-- (.*) --> *$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block."""

    line: int
    """Of its fence, in the page."""

    language: str
    title: str
    text: str
    comment: str
    """The one before it, if there is one."""

    printed: str | None = None
    """What a command prints, where the page says so."""

    @property
    def is_command(self) -> bool:
        """Whether it is for a shell."""
        return self.language == "sh"

    @property
    def is_file(self) -> bool:
        """Whether it is the content of a file that commands find."""
        return bool(self.title) and not (self.is_command or self.title.startswith("/"))

    @property
    def goes_on(self) -> bool:
        """Whether it runs beside what comes after it."""
        return self.title == BACKGROUND

    def runs(self, *, at_length: bool) -> bool:
        """Whether it is run with its page."""
        if self.comment == AT_LENGTH:
            return at_length
        return not self.comment.startswith("tested by ")


@dataclass(frozen=True, slots=True)
class Page:
    """A page with what of it is run."""

    path: Path
    needs: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def name(self) -> str:
        """Its path in the repository."""
        return str(self.path.relative_to(ROOT)) if self.path.is_absolute() else str(self.path)

    def steps(self, *, at_length: bool) -> list[Block]:
        """The commands that are run, and the files that they find."""
        return [
            block
            for block in self.blocks
            if (block.is_command or block.is_file) and block.runs(at_length=at_length)
        ]


def all_pages() -> list[Page]:
    """The pages of C{docs/}, and the README."""
    places = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [read_page(place, place.read_text("utf-8")) for place in places]


def read_page(path: Path, text: str) -> Page:
    """
    Read a page.

    @raise ValueError: a block does not end, or says what nobody understands.
    """
    needs: tuple[str, ...] = ()
    blocks: list[Block] = []
    comment, awaits_output = "", False
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if line.startswith("#"):
            awaits_output = False
        elif found := _COMMENT.match(line):
            comment = found[1]
            if comment.startswith("needs: "):
                needs = tuple(part.strip() for part in comment[len("needs: ") :].split(","))
        elif line.lstrip().startswith("```"):
            block = _block(path, number, line, lines, comment)
            if block.language == "text" and awaits_output:
                blocks[-1] = replace(blocks[-1], printed=block.text)
            else:
                blocks.append(block)
            comment, awaits_output = "", block.is_command
        elif line.strip():
            comment = ""
    return Page(path, needs, tuple(blocks))


def _block(
    path: Path, number: int, line: str, lines: Iterator[tuple[int, str]], comment: str
) -> Block:
    fence = _FENCE.match(line)
    if fence is None:
        raise ValueError(f'{path}:{number}: expected ```language or ```language title="…"')
    content: list[str] = []
    for _, inside in lines:
        if inside.strip() == "```":
            text = dedent("\n".join([*content, ""]))
            return Block(number, fence[1], fence[2] or "", text, comment)
        content.append(inside)
    raise ValueError(f"{path}:{number}: the block does not end")
