"""Requests whose heads are known: nobody can tell them from others."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from httpd.http1.heads import KnownHeads
from tests.httpd.web.noting import Conversation
from tests.properties import given, settings

GET = b"GET /now HTTP/1.1\r\nHost: a\r\n\r\n"
LATER = GET.replace(b"/now", b"/later")


def ranged(start: int) -> bytes:
    return b"GET /now HTTP/1.1\r\nRange: bytes=%d-\r\nHost: a\r\n\r\n" % start


class KnownHeadTests(SynchronousTestCase):
    """One client, of which nothing comes but what the test says."""

    def setUp(self) -> None:
        self.conversation = Conversation()

    def send(self, *chunks: bytes) -> int:
        """Send something; the number of heads that were known."""
        before = self.conversation.heads.found
        for chunk in chunks:
            self.conversation.send(chunk)
        return self.conversation.heads.found - before

    def ranges(self) -> list[object]:
        """What was asked for, by each request."""
        return [seen[6][1] for seen in self.conversation.noting.seen]  # type: ignore[index]

    def test_known(self) -> None:
        """From the second request on, whoever sends it."""
        self.assertEqual(self.send(GET, GET, GET), 2)
        self.conversation.leave()
        self.assertEqual(self.send(GET), 1)
        first, *others = self.conversation.noting.seen
        self.assertEqual(others, [first] * 3)

    def test_ranges(self) -> None:
        self.assertEqual(self.send(*map(ranged, range(5))), 4)
        self.assertEqual(self.ranges(), [f"bytes={start}-" for start in range(5)])

    def test_each_request_has_fields_of_its_own(self) -> None:
        later = b"GET /later HTTP/1.1\r\nHost: a\r\nRange: bytes=%d-\r\n\r\n"
        self.send(later % 0)
        self.conversation.answer()
        self.send(later % 1)
        request = self.conversation.noting.waiting[0]
        self.conversation.connect()
        self.assertEqual(self.send(later % 2), 1)
        for key, value in (("range", "bytes=1-"), (b"range", b"bytes=1-")):
            self.assertEqual(request.getHeader(key), value)
        self.assertEqual(request.requestHeaders.getRawHeaders("range"), ["bytes=1-"])

    def test_in_pieces(self) -> None:
        """No piece is taken for a head later on."""
        self.send(GET)
        for cut in (1, 5, GET.index(b"\n") + 1, len(GET) - 2) * 2:
            self.assertEqual(self.send(GET[:cut], GET[cut:]), 0)
        self.assertEqual(len(self.conversation.noting.seen), 9)

    def test_behind_the_beginning_of_another(self) -> None:
        """It is what the parser makes of it."""
        self.send(GET)
        self.assertEqual(self.send(b"GE", GET), 0)
        self.assertEqual(self.conversation.noting.seen[-1][0], b"GEGET")
        self.assertEqual(self.send(b"GET / HTTP/1.1\r\n", GET), 0)
        self.assertIn(b"HTTP/1.1 400 ", self.conversation.answered)

    def test_with_the_next_behind(self) -> None:
        self.send(GET)
        self.assertEqual(self.send(GET + GET[:9], GET[9:]), 0)
        self.assertEqual(len(self.conversation.noting.seen), 3)
        self.assertEqual(self.send(GET), 1)

    def test_several_at_once(self) -> None:
        """They are never taken for one."""
        self.assertEqual(self.send(*[GET * 2] * 3, *[ranged(1) * 2] * 3), 0)
        self.assertEqual(self.ranges(), [None] * 6 + ["bytes=1-"] * 6)

    def test_while_another_is_answered(self) -> None:
        """It waits for its turn, and is known then."""
        self.send(GET, LATER)
        self.assertEqual(self.send(GET), 0)
        self.assertEqual(len(self.conversation.noting.seen), 2)
        self.conversation.answer()
        self.assertEqual(len(self.conversation.noting.seen), 3)
        self.assertEqual(self.conversation.heads.found, 1)

    def test_while_the_client_takes_nothing(self) -> None:
        self.send(GET)
        self.conversation.take_nothing()
        self.assertEqual(self.send(GET), 1)
        self.assertEqual(len(self.conversation.noting.seen), 1)
        self.conversation.take_all()
        self.assertEqual(len(self.conversation.noting.seen), 2)

    def test_draining(self) -> None:
        """It is decided anew for each request whether another one may follow."""
        self.send(GET, LATER)
        self.conversation.connections.draining = True
        self.conversation.answer()
        self.assertEqual(self.send(GET), 0)
        *_, last = self.conversation.answered.split(b"HTTP/1.1 200 ")
        self.assertIn(b"\r\nconnection: close\r\n", last.lower())

    def test_what_is_not_kept(self) -> None:
        """Bodies, the last request of a connection, C{100 Continue}, and what is no request."""
        for head, body in (
            (b"GET /now HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", b""),
            (b"GET /now HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n", b"ab"),
            (b"GET /now HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n"),
            (b"GET /now HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", b""),
            (b"GET /now HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n", b""),
            (b"GET /now HTTP/1.0\r\n\r\n", b""),
            (b"\r\n" + GET, b""),
            (b"GET /now HTTP/1.1\r\nHost: a\r\nno field\r\n\r\n", b""),
            (b"GET /now HTTP/1.1\r\nHost: a\r\nRange: \0\r\n\r\n", b""),
            (b"GET /" + b"a" * 2048 + b" HTTP/1.1\r\nHost: a\r\n\r\n", b""),
            (b"GET /now HTTP/1.1\r\n\r\n", b""),
            (GET.replace(b"\r\n\r\n", b"\r\nHost: a\r\n\r\n"), b""),
        ):
            for chunks in ((head, body), (head + body, b"")):
                self.conversation = Conversation()
                self.send(*filter(None, chunks))
                self.assertEqual(len(self.conversation.heads), 0, head)

    def test_text_that_is_none(self) -> None:
        """It is answered, and known again, as any other."""
        odd = b"GET /now HTTP/1.1\r\nUser-Agent: \xff\r\nHost: a\r\n\r\n"
        self.assertEqual(self.send(odd, odd), 1)
        self.assertEqual(self.conversation.answered.count(b"HTTP/1.1 200 "), 2)

    def test_bytes_in_their_order(self) -> None:
        """What a transport had kept back and gives when it may is behind what waits already."""
        conversation, kept = self.conversation, [GET]

        class Eager(StringTransport):
            def resumeProducing(self) -> None:
                if kept:
                    conversation.send(kept.pop())

        self.send(GET)
        conversation.transport = Eager(lenient=True)
        conversation.channel.transport = conversation.transport  # type: ignore[assignment]
        conversation.channel._networkProducer = conversation.transport
        kept.clear()
        self.send(LATER, ranged(1))
        kept.append(GET)
        conversation.answer()
        self.assertEqual(self.ranges(), [None, None, "bytes=1-", None])


LINES = st.sampled_from(
    ["GET /now HTTP/1.1"] * 9
    + ["GET /later HTTP/1.1"] * 9
    + ["HEAD /now HTTP/1.1", "GET /now?a=b&a=%20 HTTP/1.1", "POST /now HTTP/1.1", "get * HTTP/1.1"]
    + ["GET /now HTTP/1.0", "GET /now HTTP/1.2", "GET /now HTTP/2.0"]
    + ["GET /now", "GET  /now HTTP/1.1", ""]
)  # fmt: skip
FIELDS = st.sampled_from(
    ["Range: bytes={}-{}", "rAnge: bytes={}-{}", "Range: bytes={}-", "RANGE:bytes={}-"] * 9
    + ["Accept: a", "Accept: b", "User-Agent: ä", "X: {}", "Authorization: Bearer x"] * 9
    + ["Range: bytes=-{}", "Range: bytes={}-{},9-", "Range: ", "Range: \0", "Range:\tbytes={}- "]
    + ["Connection: close", "Connection: a, Close", "Expect: 100-continue", " folded", "\t,1-2"]
    + ["Host: b", "Host: a/b", "Transfer-Encoding: gzip"]
    + ["Content-Length: 0", "Content-Length: 3", "Transfer-Encoding: chunked", "no field", "A : b"]
)  # fmt: skip
HOSTS = st.sampled_from([["Host: a"], ["Host: a"], []])
BEHIND = st.sampled_from([b""] * 12 + [b"abc", b"0\r\n\r\n", b"\r\n", b"GET /n"])
WAYS = st.sampled_from(["at once"] * 4 + ["in two"] * 2 + ["with the next"])
OTHERWISE = st.sampled_from(
    ["answer"] * 9 + ["pass_by", "take_nothing", "take_all", "leave", "drain"]
)  # fmt: skip


@st.composite
def conversations(draw: st.DrawFn) -> list[bytes | str]:
    """What comes of clients in each turn of the reactor, and what happens besides."""
    parts = st.tuples(LINES, HOSTS, st.lists(FIELDS, max_size=3), HOSTS)
    heads = draw(st.lists(parts, min_size=1, max_size=2))
    events: list[bytes | str] = []
    kept_back = b""
    for _ in range(draw(st.integers(1, 20))):
        line, host, fields, host_behind = draw(st.sampled_from(heads))
        start = draw(st.integers(0, 10_000))
        lines = [line, *host, *(field.format(start, start + 5) for field in fields)]
        lines += [*([] if host else host_behind), "", ""]
        chunk = kept_back + "\r\n".join(lines).encode() + draw(BEHIND)
        kept_back = b""
        match draw(WAYS):
            case "at once":
                events.append(chunk)
            case "in two":
                ends = [place + 1 for place, byte in enumerate(chunk) if byte == ord("\n")]
                place = draw(st.integers(0, 9) | st.sampled_from([*ends, 0]))
                events += [chunk[:place], chunk[place:]]
            case _:
                kept_back = chunk
        if draw(st.booleans()):
            events.append(draw(OTHERWISE))
    return events


class TwoWaysTests(SynchronousTestCase):
    """A site that knows heads, and one that has each parsed by Twisted."""

    @settings(max_examples=300)
    @given(conversations())
    def test_the_same_to_see(self, events: list[bytes | str]) -> None:
        one, other = Conversation(), Conversation(KnownHeads(limit=0))
        for event in [*events, "pass_by", "answer", "pass_by"]:
            for conversation in one, other:
                if isinstance(event, bytes):
                    conversation.send(event)
                else:
                    getattr(conversation, event)()
            self.assertEqual(one.state, other.state)
