"""Something that pages show, and a feed of it."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.web.template import Tag, tags

from httpd.pages.feed import Feed
from httpd.pages.parts import Part, Parts


class Watched:
    """
    Texts that tests change.

    @ivar looks: how often they were looked at.
    @ivar drawings: how often one was drawn.
    @ivar left: how often nobody read any more.
    """

    def __init__(self) -> None:
        self.texts = {"one": "1", "two": "2"}
        self.looks = self.drawings = 0
        self.left = 0
        self.trouble: Exception | None = None

    async def parts(self) -> Parts:
        self.looks += 1
        if self.trouble is not None:
            raise self.trouble
        return {name: Part(text, self.draw) for name, text in self.texts.items()}

    def draw(self, text: str) -> Tag:
        self.drawings += 1
        return tags.b(text)

    def feed(self, clock: Clock) -> Feed:
        return Feed(self.parts, clock, "+".join, self.leave)

    def leave(self) -> None:
        self.left += 1
