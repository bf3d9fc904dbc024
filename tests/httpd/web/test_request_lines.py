"""What the log says of a request: who has asked for what, how it has ended, and why."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv6Address
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from httpd.forwarding import TrustedProxies, network
from httpd.http1.channel import DeadlineChannel
from httpd.texts import LONGEST_FACT
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from httpd.web.resource import Resource, TextResource
from httpd.web.routes import GET, PROBE, UNNAMED, Route, Routes
from tests.httpd.web.serving import Lines, Observations, site_of

UUID = "0ab1c2d3-0000-4000-8000-00000000000f"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


class Refusing(Resource):
    """Refuses with the status that stands in the path."""

    def answer(self, request: ServiceRequest) -> None:
        request.refuse(Problem(int(request.path_values[0]), "because of that"))


class Failing(Resource):
    """Has a fault."""

    def answer(self, request: ServiceRequest) -> None:
        raise ValueError("swordfish")


class Unhealthy(Resource):
    """Says no, which is an answer."""

    def answer(self, request: ServiceRequest) -> None:
        request.setResponseCode(503)
        request.finish_with(b"no\n", "text/plain")


class RequestLineTests(SynchronousTestCase):
    """Each request has one line, whatever comes of it."""

    def setUp(self) -> None:
        self.observed = Observations()
        self.site = site_of(
            Routes(
                (
                    Route("/live", GET, TextResource("alive"), label=UNNAMED, level=PROBE),
                    Route("/health", GET, Unhealthy(), label=UNNAMED, level=PROBE),
                    Route("/failing", GET, Failing(), label=UNNAMED, level=PROBE),
                    Route("/status", GET, TextResource("all"), label=UNNAMED),
                    Route("/images/:id", GET, TextResource("image")),
                    Route("/refused/:status", GET, Refusing(), label="/refused/:any"),
                )
            ),
            self.observed,
        )
        self.lines = self.site.request_log = Lines()

    def ask(
        self, target: str, *fields: str, method: str = "GET", peer: str = "203.0.113.9"
    ) -> dict[str, Any]:
        """What the line says of a request, its level included."""
        channel = self.site.buildProtocol(None)
        assert isinstance(channel, DeadlineChannel)
        transport = StringTransport(peerAddress=IPv6Address("TCP", peer, 1), lenient=True)
        channel.makeConnection(transport)
        head = "\r\n".join((f"{method} {target} HTTP/1.1", "Host: a", *fields, "", ""))
        channel.dataReceived(head.encode())
        channel.connectionLost()
        *_, line = self.lines.written
        return {**line, "level": self.lines.levels[-1]}

    def test_goes_well(self) -> None:
        line = self.ask("/images/1")
        self.assertEqual((line["level"], line["route"]), ("info", "/images/:id"))
        self.assertNotIn("reason", line)

    def test_reason_and_level(self) -> None:
        for status, level in (
            (404, "warning"),
            (416, "warning"),
            (499, "warning"),
            (500, "error"),
            (503, "error"),
        ):
            line = self.ask(f"/refused/{status}")
            self.assertEqual(
                (line["status"], line["level"], line["reason"], line["route"]),
                (status, level, "because of that", "/refused/:any"),
            )

    def test_no_route(self) -> None:
        line = self.ask("/nothing")
        self.assertEqual(
            (line["level"], line["reason"]), ("warning", "there is nothing at this path")
        )

    def test_wrong_method(self) -> None:
        """By the pattern, though nobody has answered; the metrics leave it out as ever."""
        line = self.ask("/images/1", method="POST")
        self.assertEqual((line["level"], line["route"]), ("warning", "/images/:id"))
        self.assertEqual(line["reason"], "this path answers GET and HEAD only")
        self.assertEqual(self.observed.started, [])

    def test_fault(self) -> None:
        """Of a probe, too; the reason says nothing of what it was."""
        line = self.ask("/failing")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual((line["status"], line["level"]), (500, "error"))
        self.assertIn("its log says why", line["reason"])

    def test_refused_unread(self) -> None:
        line = self.ask("/images/1", "Content-Length: 100000", method="POST")
        self.assertEqual((line["status"], line["level"]), (413, "warning"))
        self.assertEqual(line["reason"], "requests to this service have no body")

    def test_probes(self) -> None:
        """Whatever they are told; but who asks in a wrong way is no probe."""
        for target, route, level in (
            ("/live", "/live", "debug"),
            ("/health", "/health", "debug"),
            ("/live?x=1", "/live", "debug"),
            ("/status", "/status", "info"),
        ):
            line = self.ask(target)
            self.assertEqual((line["route"], line["level"]), (route, level))
        self.assertEqual(self.ask("/live", method="POST")["level"], "warning")
        self.assertEqual(self.observed.started, [])

    def test_paths_that_are_nobody_s(self) -> None:
        """As they are, but for what may be a token, and in short."""
        for target, route in {
            "/wp-login.php": "/wp-login.php",
            "/health/": "/health/",
            "/a%20b?api_key=swordfish": "/a b",
            f"/images/{UUID}/pxe": f"/images/{UUID}/pxe",
            f"/images/{TOKEN}/pxe": "/images/.../pxe",
            "http://a/elsewhere": "/elsewhere",
            "*": "/",
        }.items():
            line = self.ask(target, method="PUT" if target == "*" else "GET")
            self.assertEqual(line["route"], route)
            self.assertEqual(line["level"], "warning")
        self.assertEqual(len(self.ask("/a" * 4000)["route"]), 128)
        self.assertEqual(self.observed.started, [])

    def test_long_fields(self) -> None:
        """Of a client are cut."""
        line = self.ask("/images/1", f"User-Agent: {'u' * 9000}", f"Range: bytes={'1,' * 2000}")
        self.assertEqual(line["user_agent"], "u" * (LONGEST_FACT - 3) + "...")
        self.assertEqual(len(line["range"]), LONGEST_FACT)
        self.assertEqual(len(self.ask("/live", method="M" * 5000)["method"]), LONGEST_FACT)
        fits = "u" * LONGEST_FACT
        self.assertEqual(self.ask("/live", f"User-Agent: {fits}")["user_agent"], fits)

    def test_client(self) -> None:
        """The connection's other end, of IPv4 as that has it; whatever the client says."""
        forwarded = "X-Forwarded-For: 198.51.100.1"
        for peer in ("203.0.113.9", "2001:db8::1"):
            self.assertEqual(self.ask("/live", forwarded, peer=peer)["client"], peer)
        mapped = self.ask("/live", peer="::ffff:203.0.113.9")
        self.assertEqual(mapped["client"], "203.0.113.9")

    def test_client_behind_trusted_proxies(self) -> None:
        self.site.trusted_proxies = TrustedProxies([network("10.0.0.0/8")])
        forwarded = ("X-Forwarded-For: 192.0.2.9", "X-Forwarded-For: 198.51.100.1, 10.0.0.2")
        for peer, client in {
            "10.0.0.1": "198.51.100.1",
            "::ffff:10.0.0.1": "198.51.100.1",
            "203.0.113.9": "203.0.113.9",
        }.items():
            self.assertEqual(self.ask("/live", *forwarded, peer=peer)["client"], client)
        self.assertEqual(self.ask("/live", peer="10.0.0.1")["client"], "10.0.0.1")
