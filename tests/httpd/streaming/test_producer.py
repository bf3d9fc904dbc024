"""The producer, against consumers that pause and sources that answer later, or never."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import IBodyProducer
from zope.interface.verify import verifyObject

from httpd.representation.segments import (
    BytesSegment,
    FileSegment,
    Representation,
    Segment,
    ZeroSegment,
)
from httpd.streaming.producer import PIECE, RepresentationProducer
from tests.httpd.streaming.consumers import PausingConsumer
from tests.properties import given


@dataclass(eq=False)
class ScriptedSource:
    """Bytes that come at once, or when the test says so; never more than C{most} at a time."""

    content: bytes
    most: int = PIECE
    later: bool = False
    asked: list[tuple[Deferred[bytes], bytes]] = field(default_factory=list)
    identity: str = "scripted"
    released: int = 0

    def read(self, offset: int, length: int) -> bytes | Deferred[bytes]:
        data = self.content[offset : offset + min(length, self.most)]
        if not self.later:
            return data
        answer: Deferred[bytes] = Deferred()
        self.asked.append((answer, data))
        return answer

    def release(self) -> None:
        self.released += 1

    def answer(self) -> None:
        deferred, data = self.asked.pop()
        deferred.callback(data)


def playing(
    representation: Representation, consumer: PausingConsumer
) -> tuple[RepresentationProducer, Deferred[None]]:
    producer = RepresentationProducer(representation)
    consumer.registerProducer(producer, streaming=True)
    return producer, producer.startProducing(consumer)


def of_file(source: ScriptedSource) -> Representation:
    return Representation.of(FileSegment(source, 0, len(source.content)))


sizes = st.one_of(st.integers(0, 50), st.integers(PIECE - 2, PIECE + 2))


@st.composite
def segments(draw: st.DrawFn) -> tuple[Segment, bytes]:
    size = draw(sizes)
    content = bytes(n % 251 for n in range(draw(st.integers(0, 50)))).ljust(size, b"x")[:size]
    file = FileSegment(ScriptedSource(content, most=40_000), 0, size)
    segment: Segment = BytesSegment(content) if draw(st.booleans()) else file
    return draw(st.sampled_from([(segment, content), (ZeroSegment(size), bytes(size))]))


class PlayingTests(SynchronousTestCase):
    def test_interface(self) -> None:
        verifyObject(IBodyProducer, RepresentationProducer(Representation()))

    @given(st.lists(segments(), max_size=5), st.booleans())
    def test_plays_exactly_the_representation(
        self, parts: list[tuple[Segment, bytes]], pausing: bool
    ) -> None:
        representation = Representation(tuple(segment for segment, _ in parts))
        consumer = PausingConsumer(pausing=pausing)
        producer, done = playing(representation, consumer)
        while not done.called:
            producer.resumeProducing()
        self.successResultOf(done)
        self.assertEqual(bytes(consumer.taken), b"".join(content for _, content in parts))
        self.assertEqual(producer.written, representation.length)

    def test_no_write_while_paused(self) -> None:
        consumer = PausingConsumer()
        producer, done = playing(Representation.of(ZeroSegment(3 * PIECE)), consumer)
        self.assertEqual(consumer.writes, 1)
        producer.resumeProducing()
        self.assertEqual(consumer.writes, 2)
        self.assertNoResult(done)

    def test_is_over_only_when_the_last_bytes_were_taken(self) -> None:
        """A paused consumer still has the last piece in its buffer."""
        consumer = PausingConsumer()
        producer, done = playing(Representation.from_bytes(b"last"), consumer)
        self.assertEqual(bytes(consumer.taken), b"last")
        self.assertNoResult(done)
        producer.resumeProducing()
        self.successResultOf(done)

    def test_resumed_from_within_write(self) -> None:
        """TLS transports pause and resume within one write; the order of bytes stays."""

        class Impatient(PausingConsumer):
            def write(self, data: bytes) -> None:
                super().write(data)
                self.producer.resumeProducing()

        content = bytes(range(256)) * 4096
        consumer = Impatient()
        _, done = playing(of_file(ScriptedSource(content)), consumer)
        self.successResultOf(done)
        self.assertEqual(bytes(consumer.taken), content)


class WaitingTests(SynchronousTestCase):
    """Bytes that are not at hand come by a Deferred."""

    def test_in_order(self) -> None:
        source = ScriptedSource(bytes(range(100)), most=30, later=True)
        consumer = PausingConsumer(pausing=False)
        _, done = playing(of_file(source), consumer)
        while source.asked:
            self.assertEqual(len(source.asked), 1)
            source.answer()
        self.successResultOf(done)
        self.assertEqual(bytes(consumer.taken), source.content)

    def test_resuming_does_not_ask_twice(self) -> None:
        source = ScriptedSource(b"content", later=True)
        producer, done = playing(of_file(source), PausingConsumer())
        producer.resumeProducing()
        producer.resumeProducing()
        self.assertEqual(len(source.asked), 1)
        source.answer()
        producer.resumeProducing()
        self.successResultOf(done)

    def test_stopped_meanwhile(self) -> None:
        source = ScriptedSource(b"content", later=True)
        consumer = PausingConsumer()
        producer, done = playing(of_file(source), consumer)
        producer.stopProducing()
        source.answer()
        self.assertEqual(consumer.writes, 0)
        self.assertNoResult(done)

    def test_cancelled_meanwhile(self) -> None:
        source = ScriptedSource(b"content", later=True)
        consumer = PausingConsumer()
        _, done = playing(of_file(source), consumer)
        done.cancel()
        self.failureResultOf(done)
        source.answer()
        self.assertEqual(consumer.writes, 0)


@dataclass(eq=False)
class AsyncSource:
    """Bytes that a coroutine gets, from the test."""

    asked: list[Deferred[bytes]] = field(default_factory=list)
    ended: list[BaseException | None] = field(default_factory=list)
    identity: str = "async"

    async def read(self, offset: int, length: int) -> bytes:
        try:
            self.asked.append(Deferred())
            data = await self.asked[-1]
        except BaseException as error:
            self.ended.append(error)
            raise
        self.ended.append(None)
        return data

    def release(self) -> None:
        pass


class CoroutineTests(SynchronousTestCase):
    """Bytes that come by a coroutine, as from another server."""

    def setUp(self) -> None:
        self.source, self.consumer = AsyncSource(), PausingConsumer(pausing=False)
        whole = Representation.of(FileSegment(self.source, 0, 7))
        self.producer, self.done = playing(whole, self.consumer)

    def test_played(self) -> None:
        self.source.asked[0].callback(b"con")
        self.source.asked[1].callback(b"tent")
        self.successResultOf(self.done)
        self.assertEqual(bytes(self.consumer.taken), b"content")

    def test_failed(self) -> None:
        self.source.asked[0].errback(Failure(OSError("the other server is gone")))
        self.failureResultOf(self.done, OSError)

    def test_at_once(self) -> None:
        """However often a coroutine has no need to wait."""

        class Buffered(ScriptedSource):
            async def read(self, offset: int, length: int) -> bytes:  # type: ignore[override]
                return self.content[offset : offset + 1]

        content = bytes(n % 251 for n in range(3000))
        consumer = PausingConsumer(pausing=False)
        _, done = playing(of_file(Buffered(content)), consumer)
        self.successResultOf(done)
        self.assertEqual(bytes(consumer.taken), content)

    def test_stopped(self) -> None:
        """What nobody wants any more is given up, and nothing is said of it."""
        self.producer.stopProducing()
        self.assertIsInstance(self.source.ended[0], CancelledError)
        self.assertNoResult(self.done)
        self.assertEqual(self.consumer.writes, 0)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_cancelled(self) -> None:
        self.done.cancel()
        self.failureResultOf(self.done, CancelledError)
        self.assertIsInstance(self.source.ended[0], CancelledError)


class FailingTests(SynchronousTestCase):
    def test_source_that_raises(self) -> None:
        class Broken(ScriptedSource):
            def read(self, offset: int, length: int) -> bytes:
                raise EOFError("truncated")

        _, done = playing(of_file(Broken(b"content")), PausingConsumer())
        self.failureResultOf(done, EOFError)

    def test_source_with_a_fault(self) -> None:
        """Of whatever kind, and whether it answers now or later: the play is over."""

        class Faulty(ScriptedSource):
            def read(self, offset: int, length: int) -> bytes:
                raise ZeroDivisionError

        class LaterFaulty(ScriptedSource):
            async def read(self, offset: int, length: int) -> bytes:  # type: ignore[override]
                raise ZeroDivisionError

        for source in (Faulty(b"content"), LaterFaulty(b"content")):
            _, done = playing(of_file(source), PausingConsumer())
            self.failureResultOf(done, ZeroDivisionError)

    def test_source_that_fails_later(self) -> None:
        source = ScriptedSource(b"content", later=True)
        _, done = playing(of_file(source), PausingConsumer())
        source.asked[0][0].errback(Failure(OSError("disk")))
        self.failureResultOf(done, OSError)


class ReleasingTests(SynchronousTestCase):
    """A source that is left before its end is told, whether it is asked just then or not."""

    def test_left_while_paused(self) -> None:
        source = ScriptedSource(b"content", most=3)
        producer, _ = playing(of_file(source), PausingConsumer())
        producer.stopProducing()
        self.assertEqual(source.released, 1)

    def test_left_while_it_is_asked(self) -> None:
        source = ScriptedSource(b"content", later=True)
        _, done = playing(of_file(source), PausingConsumer())
        done.cancel()
        self.failureResultOf(done)
        self.assertEqual(source.released, 1)

    def test_played(self) -> None:
        """At its end there is nothing to release, nor in another source."""
        source = ScriptedSource(b"content")
        both = of_file(source).append(Representation.of(ZeroSegment(PIECE), ZeroSegment(1)))
        producer, _ = playing(both, PausingConsumer())
        producer.resumeProducing()
        producer.stopProducing()
        self.assertEqual(source.released, 0)
