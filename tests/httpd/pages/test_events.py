"""Streams of events on connections: they hold up nothing, and fill nothing."""

from __future__ import annotations

import contextlib

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from httpd.http1.channel import DeadlineChannel
from httpd.http1.connections import Connections
from httpd.pages.events import Events
from httpd.pages.feed import LOOK_SECONDS
from httpd.web.routes import GET, PROBE, UNNAMED, Route, Routes
from tests.httpd.pages.watched import Watched
from tests.httpd.web.serving import Lines, Observations, site_of
from tests.httpd.web.test_half_closed import SocketTransport

ASKED = b"GET /page/events HTTP/1.1\r\nHost: a\r\n\r\n"


class Wire(StringTransport):
    """A transport that can be cut."""

    aborted = False

    def abortConnection(self) -> None:  # noqa: N802
        self.aborted = True


class EventsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.watched, self.lines = Clock(), Watched(), Lines()
        self.connections, self.observations = Connections(4, spare=0), Observations()
        events = Events(self.watched.feed(self.clock), self.connections, most=3)
        routes = Routes([Route("/page/events", GET, events, True, UNNAMED, PROBE)])
        self.site = site_of(
            routes, self.observations, clock=self.clock, connections=self.connections
        )
        self.site.request_log = self.lines
        self.channels: list[DeadlineChannel] = []
        self.addCleanup(self.lose_all)

    def asked(self, request: bytes = ASKED) -> tuple[DeadlineChannel, Wire]:
        channel, wire = self.site.buildProtocol(None), Wire()
        self.channels.append(channel)
        channel.makeConnection(wire)
        channel.dataReceived(request)
        return channel, wire

    def lose_all(self) -> None:
        for channel in [*self.channels]:
            self.lose(channel)

    def lose(self, channel: DeadlineChannel) -> None:
        self.channels.remove(channel)
        channel.connectionLost()

    def change(self, text: str) -> None:
        self.watched.texts["one"] = text
        self.clock.advance(LOOK_SECONDS)

    def test_events(self) -> None:
        _, wire = self.asked()
        head, _, body = wire.value().partition(b"\r\n\r\n")
        self.assertIn(b"Content-Type: text/event-stream\r\n", head)
        self.assertIn(b"Cache-Control: no-store", head)
        self.assertIn(b"retry: 3000\n\ndata: {", body)
        wire.clear()
        self.change("news")
        self.assertIn(b'{"one": "<b>news</b>"}', wire.value())

    def test_each_page_has_its_own(self) -> None:
        """A feed is found by what is asked for."""
        feeds = {name: Watched() for name in ("a", "b")}
        for name, watched in feeds.items():
            watched.texts["one"] = name
        events = Events(
            lambda request: feeds[request.path_values[0]].feed(self.clock), self.connections
        )
        self.site.routes = Routes([Route("/page/:name/events", GET, events, True, UNNAMED, PROBE)])
        for name in feeds:
            _, wire = self.asked(ASKED.replace(b"page", b"page/" + name.encode()))
            self.assertIn(f'{{"one": "<b>{name}</b>"'.encode(), wire.value())

    def test_head(self) -> None:
        _, wire = self.asked(ASKED.replace(b"GET", b"HEAD"))
        self.assertTrue(wire.value().endswith(b"\r\n\r\n"))
        self.assertEqual(self.clock.getDelayedCalls()[1:], [])

    def test_bound(self) -> None:
        """Who comes too late gets none, and there is room again when one has left."""
        open_pages = [self.asked() for _ in range(3)]
        _, refused = self.asked()
        self.assertTrue(refused.value().startswith(b"HTTP/1.1 204 "))
        self.assertEqual(self.lines.levels, [PROBE])
        self.lose(open_pages[0][0])
        _, wire = self.asked()
        self.assertTrue(wire.value().startswith(b"HTTP/1.1 200 "))

    def test_slow_client_is_skipped(self) -> None:
        _, wire = self.asked()
        assert wire.producer is not None
        wire.producer.pauseProducing()
        for text in "3456":
            self.change(text)
        before = wire.value()
        self.change("7")
        self.assertEqual(wire.value(), before)
        wire.clear()
        wire.producer.resumeProducing()
        self.assertIn(b"<b>7</b>", wire.value())
        self.assertNotIn(b"<b>6</b>", wire.value())

    def test_goes_down_at_once(self) -> None:
        """No answer is under way for the service that goes down."""
        channel, wire = self.asked()
        self.assertEqual(self.connections.answering, 0)
        drained = self.connections.drain()
        self.assertTrue(wire.disconnecting)
        self.lose(channel)
        self.successResultOf(drained)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_none_begins_while_it_goes_down(self) -> None:
        channel, wire = self.asked(ASKED[:-2])
        self.connections.drain()
        channel.dataReceived(ASKED[-2:])
        self.assertTrue(wire.value().startswith(b"HTTP/1.1 204 "))

    def test_makes_room(self) -> None:
        """An open page gives its connection to who needs one."""
        pages = [self.asked() for _ in range(3)]
        for _ in range(2):
            self.asked(b"GET")
        self.assertEqual([wire.aborted for _, wire in pages], [True, False, False])

    def test_stays_open(self) -> None:
        """However long nothing happens."""
        _, wire = self.asked()
        self.clock.pump([LOOK_SECONDS] * 1000)
        self.assertFalse(wire.aborted or wire.disconnecting)
        wire.clear()
        self.change("3")
        self.assertIn(b"<b>3</b>", wire.value())

    def test_client_that_takes_nothing(self) -> None:
        """It gives its place to another, in the end."""
        wire = SocketTransport()
        self.addCleanup(wire.socket.close)
        self.addCleanup(wire.client.close)
        channel = self.site.buildProtocol(None)
        self.channels.append(channel)
        channel.makeConnection(wire)
        channel.dataReceived(ASKED)
        wire.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                wire.socket.send(bytes(1 << 20))
        self.clock.pump([1] * 60)
        self.assertFalse(wire.aborted)
        self.clock.pump([1] * 60)
        self.assertTrue(wire.aborted)
        self.assertEqual(self.observations.stalled, 1)

    def test_client_that_closes_its_side(self) -> None:
        channel, wire = self.asked()
        channel.readConnectionLost()
        self.assertTrue(wire.disconnecting)

    def test_fills_no_log(self) -> None:
        channel, _ = self.asked()
        self.lose(channel)
        self.assertEqual(self.lines.levels, [PROBE])
        self.assertEqual((self.observations.started, self.observations.stalled), ([], 0))
