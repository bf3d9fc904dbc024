"""Objects that are streamed: by one GET for each range, at the client's pace, to a certain end."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer

from httpd.representation.segments import FileSegment, Representation
from httpd.streaming.producer import RepresentationProducer
from image_management.records.links import Link
from image_management.s3.access import TimeLimits
from image_management.s3.errors import ObjectChanged, ObjectMissing, S3Unavailable
from image_management.s3.objects import ObjectFacts, ObjectStore
from image_management.s3.source import ObjectSource
from tests.engines.faulty_proxy import Fault
from tests.httpd.outbound.servers import trial_reactor
from tests.image_management.s3.case import MIB, S3Case, noise, turn

SIZE = 20 * MIB


class _Client:
    """
    Takes what comes, unless it has had enough for now.

    @ivar enough: bytes after which it takes no more.
    """

    def __init__(self, enough: float = float("inf")) -> None:
        self.enough = enough
        self.pieces: list[bytes] = []
        self.taken = 0
        self.largest = 0
        self.producer: Any = None

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        self.producer = producer

    def write(self, data: bytes) -> None:
        self.pieces.append(data)
        self.taken += len(data)
        if self.taken >= self.enough:
            self.producer.pauseProducing()

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)


class StreamCase(S3Case):
    """An object, and its source."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.content = noise(SIZE)
        self.link = self.put("a/rootfs", self.content)
        self.facts = await self.store.head(self.link)

    def source(self, store: ObjectStore | None = None) -> ObjectSource:
        source = (store or self.store).source(self.link, self.facts)
        assert isinstance(source, ObjectSource)
        return source

    def whole(self, source: ObjectSource) -> Representation:
        return Representation.of(FileSegment(source, 0, SIZE))

    def play(self, representation: Representation, client: _Client) -> Deferred[None]:
        producer = RepresentationProducer(representation)
        client.registerProducer(producer, True)
        return producer.startProducing(client)  # type: ignore[arg-type]

    async def all_closed(self) -> None:
        while self.proxy.open:
            await turn()


class SourceTests(StreamCase):
    """Whoever streams, and whatever S3 does meanwhile."""

    async def test_whole(self) -> None:
        """One GET."""
        client = _Client()
        await self.play(self.whole(self.source()), client)
        self.assertEqual(client.data, self.content)
        self.assertEqual(self.proxy.seen["GetObject"], 1)
        await self.all_closed()

    async def test_ranges(self) -> None:
        """One GET for each, of those bytes alone, though they come of one source."""
        whole = self.whole(self.source())
        ranges = [(0, 1), (5, 9 * MIB), (SIZE - 3, SIZE), (1, 2)]
        parts = Representation().append(*(whole.slice(*one) for one in ranges))
        client = _Client()
        await self.play(parts, client)
        self.assertEqual(client.data, b"".join(self.content[slice(*one)] for one in ranges))
        self.assertEqual(self.proxy.seen["GetObject"], len(ranges))
        await self.all_closed()

    async def test_slow_client(self) -> None:
        """S3 waits for it: most of the object stays where it is, and none of it is lost."""
        source = self.source(self.store_of(self.engine.access, limits=TimeLimits(5, 2)))
        client = _Client(enough=MIB)
        playing = self.play(self.whole(source), client)
        # Longer than S3 may send nothing: it is not S3 that is slow.
        await self.quiet(lambda: self.proxy.sent, seconds=3)
        self.assertTrue(MIB <= client.taken < 2 * MIB, client.taken)
        assert source._stream is not None
        self.assertLess(source._stream._ahead_bytes, MIB)
        self.assertLess(self.proxy.sent, SIZE)
        client.enough = float("inf")
        client.producer.resumeProducing()
        await playing
        self.assertEqual(client.data, self.content)
        self.assertEqual(self.proxy.seen["GetObject"], 1)

    async def quiet(self, progress: Any, seconds: float) -> None:
        """Wait until there is no progress for some seconds."""
        clock = trial_reactor()
        seen, since = progress(), clock.seconds()
        while clock.seconds() - since < seconds:
            await turn()
            if progress() != seen:
                seen, since = progress(), clock.seconds()

    async def test_client_leaves(self) -> None:
        """While it is kept waiting, or keeps us waiting: the connection to S3 closes."""
        for enough in (MIB, float("inf")):
            client = _Client(enough)
            playing = self.play(self.whole(self.source()), client)
            while client.taken < MIB:
                await turn()
            playing.cancel()
            await self.assertFailure(playing, CancelledError)
            await self.all_closed()
            self.assertLess(client.taken, SIZE)

    async def test_client_leaves_before_the_first_byte(self) -> None:
        self.proxy.fail("GetObject", Fault.SILENT)
        playing = self.play(self.whole(self.source()), _Client())
        while not self.proxy.open:
            await turn()
        playing.cancel()
        await self.assertFailure(playing, CancelledError)
        await self.all_closed()

    async def test_trouble_before_the_first_byte(self) -> None:
        """One that passes is not noticed, the other is told."""
        for fault in (Fault.CUT, Fault.UNAVAILABLE, Fault.CUT_AFTER):
            client = _Client()
            self.proxy.fail("GetObject", fault)
            await self.play(self.whole(self.source()), client)
            self.assertEqual(client.data, self.content)
            self.proxy.fail("GetObject", fault, 4)
            client = _Client()
            await self.assertFailure(self.play(self.whole(self.source()), client), S3Unavailable)
            self.assertEqual(client.taken, 0)

    async def test_cut(self) -> None:
        """What came is right; then it is an error."""
        self.proxy.fail("GetObject", Fault.CUT_WITHIN)
        client = _Client()
        with self.assertRaises(S3Unavailable) as caught:
            await self.play(self.whole(self.source()), client)
        self.assertEqual(str(caught.exception), "GET of the object: it closed the connection")
        self.assertTrue(0 < client.taken < SIZE)
        self.assertEqual(client.data, self.content[: client.taken])

    async def test_stalled(self) -> None:
        """S3 has begun and sends no more."""
        store = self.store_of(self.engine.access, limits=TimeLimits(5, 0.3))
        self.proxy.fail("GetObject", Fault.STALLS)
        client = _Client()
        with self.assertRaises(S3Unavailable) as caught:
            await self.play(self.whole(self.source(store)), client)
        self.assertEqual(caught.exception.kind, "nothing has arrived for 0.3 s")
        self.assertTrue(0 < client.taken < SIZE)
        await self.all_closed()

    async def test_changed_or_gone(self) -> None:
        """Meanwhile, by whoever may."""
        source = self.source()
        self.put("a/rootfs", b"x" * SIZE)
        await self.assertFailure(self.play(self.whole(source), _Client()), ObjectChanged)
        await self.store.delete(self.link)
        await self.assertFailure(self.play(self.whole(source), _Client()), ObjectMissing)

    async def test_other_bytes(self) -> None:
        """A server that ignores ranges is found out."""

        async def open_all(offset: int, length: int) -> Any:
            place = {"Bucket": self.link.bucket, "Key": self.link.key}
            return await self.store._own.open("GetObject", place)

        source = ObjectSource(open_all, self.facts, trial_reactor(), 5)
        part = self.whole(source).slice(5, 9)
        with self.assertRaises(S3Unavailable) as caught:
            await self.play(part, _Client())
        self.assertIn("other bytes than 4 from 5 on", str(caught.exception))

    async def test_identity(self) -> None:
        """The same for the same bytes, so that replicas give one ETag."""
        other = ObjectFacts("other", SIZE)
        self.assertEqual(self.source().identity, self.source().identity)
        self.assertNotEqual(
            self.store.source(Link("ims", "a"), other).identity, self.source().identity
        )

    async def test_past_the_end(self) -> None:
        source = self.source()
        self.assertRaises(EOFError, source.read, SIZE - 1, 2)
        self.assertEqual(await source.read(SIZE - 1, 1), self.content[-1:])  # type: ignore[misc]
        with self.assertRaises(EOFError):
            await source.read(SIZE, 1)  # type: ignore[misc]


class KilledTests(StreamCase):
    async def test_killed(self) -> None:
        """With SIGKILL, in the middle."""
        client = _Client(enough=MIB)
        playing = self.play(self.whole(self.source()), client)
        while client.taken < MIB:
            await turn()
        await self.engine.kill()  # type: ignore[attr-defined]
        client.enough = float("inf")
        client.producer.resumeProducing()
        await self.assertFailure(playing, S3Unavailable)
        self.assertEqual(client.data, self.content[: client.taken])
        await self.engine.start()  # type: ignore[attr-defined]
        again = _Client()
        await self.play(self.whole(self.source()), again)
        self.assertEqual(again.data, self.content)
