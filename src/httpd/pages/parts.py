"""What pages are made of: values, and how each is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from twisted.web.template import Tag, flattenString, tags


class Part(NamedTuple):
    """
    What a live part of a page shows.  Parts are equal that show the same.
    """

    value: Any
    """Compares equal to one that looks the same."""

    draw: Callable[[Any], Tag]
    """Makes what is inside of the part; a function that has a name, so that parts compare."""

    def drawn(self) -> Tag:
        """What is inside of it."""
        return self.draw(self.value)


Parts = Mapping[str, Part]
"""The live parts of a page by their ids, which begin with a letter."""


def placed(parts: Parts, name: str, tag: Tag | None = None) -> Tag:
    """
    A part at its place in a page.

    @param name: its id.
    @param tag: what it is inside of; by default a C{div}.
    """
    return (tag or tags.div)(parts[name].drawn(), id=name, **{"data-live": ""})


def copied(text: str, name: str, label: str) -> Tag:
    """
    A text to copy, and a button that does it; without a script there is only the text.

    @param name: the text's id.
    @param label: what the button says to who does not see what is beside it.
    """
    button = tags.button("Copy", type="button", hidden="", **hyphened(data_copies=name))
    button(**{"aria-label": label})
    return tags.div(tags.pre(text, id=name), button, class_="copy")


async def markup(tag: Tag) -> bytes:
    """The HTML of a tag that waits for nothing."""
    return bytes(await flattenString(None, tag))


def hyphened(**attributes: object) -> dict[str, str]:
    """Attributes whose names have hyphens, which are written as C{_} here; C{None} is left out."""
    return {
        name.strip("_").replace("_", "-"): str(value)
        for name, value in attributes.items()
        if value is not None
    }
