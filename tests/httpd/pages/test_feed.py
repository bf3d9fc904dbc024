"""What those who look at a page are told, and what it costs."""

from __future__ import annotations

import json

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from httpd.pages.feed import LOOK_SECONDS
from tests.httpd.pages.watched import Watched


class Reader:
    """Reads one event after the other."""

    def __init__(self, case: FeedTests) -> None:
        self.feed = case.feed
        self.seen = 0
        self.feed.begin()

    def next(self) -> Deferred[dict[str, str] | None]:
        return Deferred.fromCoroutine(self.read())

    async def read(self) -> dict[str, str] | None:
        """The parts that are told; nothing: it is a comment."""
        self.seen, event = await self.feed.after(self.seen)
        if event.startswith(b":"):
            return None
        document = json.loads(event.removeprefix(b"data: "))
        assert event.endswith(b"\n\n")
        assert b"\n" not in event[:-2]
        assert document["edition"] == "one+two"
        parts: dict[str, str] = document["parts"]
        return parts


class FeedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.watched = Clock(), Watched()
        self.feed = self.watched.feed(self.clock)

    def change(self, name: str, text: str) -> None:
        self.watched.texts[name] = text
        self.clock.advance(LOOK_SECONDS)

    def test_everything_first(self) -> None:
        self.assertEqual(
            self.successResultOf(Reader(self).next()), {"one": "<b>1</b>", "two": "<b>2</b>"}
        )

    def test_then_what_has_changed(self) -> None:
        reader = Reader(self)
        self.successResultOf(reader.next())
        news = reader.next()
        self.clock.advance(LOOK_SECONDS)
        self.assertNoResult(news)
        self.change("two", "<3>")
        self.assertEqual(self.successResultOf(news), {"two": "<b>&lt;3&gt;</b>"})

    def test_slow_reader_is_told_how_things_are(self) -> None:
        """And not how they were in between."""
        slow = Reader(self)
        self.successResultOf(slow.next())
        for text in ("3", "4"):
            self.change("one", text)
        self.change("two", "5")
        self.assertEqual(self.successResultOf(slow.next()), {"one": "<b>4</b>", "two": "<b>5</b>"})

    def test_drawn_once_for_all(self) -> None:
        readers = [Reader(self) for _ in range(20)]
        for reader in readers:
            self.successResultOf(reader.next())
        self.assertEqual((self.watched.looks, self.watched.drawings), (1, 2))
        news = [reader.next() for reader in readers]
        self.change("one", "3")
        self.assertEqual([self.successResultOf(one) for one in news], [{"one": "<b>3</b>"}] * 20)
        self.assertEqual((self.watched.looks, self.watched.drawings), (2, 3))

    def test_nobody_reads(self) -> None:
        """Nothing is done then, and nothing is told that was seen long ago."""
        reader = Reader(self)
        self.successResultOf(reader.next())
        self.assertEqual(self.watched.left, 0)
        self.feed.end()
        self.assertEqual((self.clock.getDelayedCalls(), self.watched.left), ([], 1))
        self.watched.texts["one"] = "3"
        news = self.successResultOf(Reader(self).next())
        self.assertEqual(news, {"one": "<b>3</b>", "two": "<b>2</b>"})
        self.assertEqual(self.watched.looks, 2)

    def test_reader_that_leaves(self) -> None:
        leaving, staying = Reader(self), Reader(self)
        for reader in (leaving, staying):
            self.successResultOf(reader.next())
        left, news = leaving.next(), staying.next()
        left.cancel()
        self.feed.end()
        self.failureResultOf(left, CancelledError)
        self.change("one", "3")
        self.assertEqual(self.successResultOf(news), {"one": "<b>3</b>"})

    def test_a_sign_of_life(self) -> None:
        """A proxy takes a connection for dead on which nothing comes."""
        reader = Reader(self)
        self.successResultOf(reader.next())
        news = reader.next()
        self.clock.pump([LOOK_SECONDS] * 8)
        self.assertNoResult(news)
        self.clock.advance(LOOK_SECONDS)
        self.assertIsNone(self.successResultOf(news))

    def test_failure(self) -> None:
        """It is logged, and looked again."""
        reader = Reader(self)
        self.successResultOf(reader.next())
        news = reader.next()
        self.watched.trouble = RuntimeError("nobody knows")
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.watched.trouble = None
        self.change("one", "3")
        self.assertEqual(self.successResultOf(news), {"one": "<b>3</b>"})
