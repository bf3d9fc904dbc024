"""The client of Redis, and the places in it, against a server of the distribution."""

from __future__ import annotations

import re
import secrets
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import TestCase
from zope.interface import provider

from assisted_images.infra_envs.shared_places import BUSY, KeyComparison, Left, SharedPlaces
from demo.service import ROOT
from httpd.outbound.redis import Redis, RedisAway
from httpd.outbound.trust import tls_policy
from httpd.redis_urls import redis_place
from tests.certificates import identity
from tests.engines.redis_server import RedisServer, start_redis
from tests.httpd.outbound.servers import trial_reactor


class RedisTestCase(TestCase):
    """One that connects to a server."""

    timeout = 60

    def client(self, url: str, bundle: Path | None = None, greeting: str = "PING") -> Redis:
        """A client that runs, connected or not; it ends with the test."""

        async def greet(ask: Any) -> None:
            await ask(greeting)

        client = Redis(trial_reactor(), redis_place(url), tls_policy(bundle), greet)
        client.startService()
        self.addCleanup(client.stopService)
        return client

    def logged(self) -> list[LogEvent]:
        """What is said from now on, by what is tested here."""
        events: list[LogEvent] = []

        @provider(ILogObserver)
        def observer(event: LogEvent) -> None:
            if event["log_namespace"].startswith(("httpd.", "assisted_images.")):
                events.append(event)

        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        return events

    async def until(self, client: Redis, *, there: bool) -> None:
        while client.is_there is not there:
            await deferLater(trial_reactor(), 0.01)


class _Saying(Protocol):
    """A server that says one thing, at whatever it hears."""

    transport: Any

    def __init__(self, said: bytes) -> None:
        self._said = said

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(self._said)


class ClientTests(RedisTestCase):
    async def test_goes_and_comes_back(self) -> None:
        """Each is said once, however often it was tried."""
        server = await start_redis(self)
        events = self.logged()
        client = self.client(server.url)
        await self.until(client, there=True)
        self.assertEqual(await client.ask("SET", "a", b"\xff\r\n"), b"OK")
        self.assertEqual(await client.ask("GET", "a"), b"\xff\r\n")
        self.assertIsNone(await client.ask("GET", "b"))
        self.assertEqual(await client.ask("EXISTS", "a", "b"), 1)
        await server.kill()
        await self.until(client, there=False)
        with self.assertRaises(RedisAway):
            await client.ask("GET", "a")
        await deferLater(trial_reactor(), 1)  # two failures more
        await server.start()
        await self.until(client, there=True)
        self.assertIsNone(await client.ask("GET", "a"))
        said = [event["log_format"].split(",")[0].split(" is ")[1] for event in events]
        self.assertEqual(said, ["there", "away", "there"])

    async def test_many_at_once(self) -> None:
        """Each gets its own reply; one who leaves does not disturb."""
        server = await start_redis(self)
        client = self.client(server.url)
        await self.until(client, there=True)
        asked = [Deferred.fromCoroutine(client.ask("ECHO", f"{n}")) for n in range(100)]
        asked[50].cancel()
        self.failureResultOf(asked[50])
        for number, reply in enumerate(asked):
            if number != 50:
                self.assertEqual(await reply, b"%d" % number)

    async def test_frozen(self) -> None:
        """Is away; whoever asks then does not wait."""
        server = await start_redis(self)
        client = self.client(server.url)
        await self.until(client, there=True)
        server.freeze()
        asked = [Deferred.fromCoroutine(client.ask("PING")) for _ in range(3)]
        for reply in asked:
            with self.assertRaisesRegex(RedisAway, "no answer within 1 s"):
                await reply
        self.assertFalse(client.is_there)
        again = Deferred.fromCoroutine(client.ask("PING"))
        self.failureResultOf(again, RedisAway)
        server.thaw()
        await self.until(client, there=True)

    async def test_tls_password_and_database(self) -> None:
        password = f"pass-{secrets.token_urlsafe(12)}%/"
        certificate = identity("localhost")
        server = await start_redis(self, password, certificate)
        bundle = Path(self.mktemp())
        bundle.write_bytes(certificate.certificate_pem)
        client = self.client(f"{server.url}/3", bundle)
        await self.until(client, there=True)
        self.assertIn(b" db=3 ", await client.ask("CLIENT", "INFO"))

    async def test_not_let_in(self) -> None:
        """Why is said, and not with what."""
        password = f"pass-{secrets.token_urlsafe(12)}"
        certificate = identity("localhost")
        server = await start_redis(self, password, certificate)
        bundle = Path(self.mktemp())
        bundle.write_bytes(certificate.certificate_pem)
        for url, authorities, greeting, reason in (
            (server.url.replace(password, f"no-{password}"), bundle, "PING", "(WRONGPASS)"),
            (server.url.replace(f":{password}@", ""), bundle, "PING", "(NOAUTH)"),
            (server.url, None, "PING", "TLS failed"),
            (server.url, bundle, "NONSENSE", "refuses what it is asked for (ERR)"),
        ):
            events = self.logged()
            client = self.client(url, authorities, greeting)
            while not events:
                await deferLater(trial_reactor(), 0.01)
            [event] = events
            self.assertIn(reason, event["reason"])
            self.assertNotIn(password, repr(event))
            self.assertFalse(client.is_there)
            await maybeDeferred(client.stopService)

    async def test_something_else(self) -> None:
        """What answers in another way, or unasked, or not at all, is no Redis, and is left."""
        for said, reason in (
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak as Redis"),
            (b"+OK\r\n+OK\r\n", "does not speak as Redis"),
            (b"-MOVED 3999 secret-host:6381\r\n", "(MOVED)"),
            (b"$5\r\nhel", "no answer within"),
            (b"", "no answer within"),
        ):
            events = self.logged()
            factory = Factory.forProtocol(partial(_Saying, said))
            listening = trial_reactor().listenTCP(0, factory, interface="127.0.0.1")
            self.addCleanup(listening.stopListening)
            client = self.client(f"redis://127.0.0.1:{listening.getHost().port}")
            while not any("reason" in event for event in events):
                await deferLater(trial_reactor(), 0.01)
            self.assertIn(reason, events[-1]["reason"])
            self.assertNotIn("secret-host", repr(events))
            await maybeDeferred(client.stopService)

    async def test_stopped_while_it_connects(self) -> None:
        client = self.client("redis://192.0.2.1")
        await maybeDeferred(client.stopService)


class PlacesTests(RedisTestCase):
    """Two replicas, as the scripts have them."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.server: RedisServer = await start_redis(self)
        self.redis = self.client(self.server.url)
        await self.until(self.redis, there=True)
        self.one, self.other = [SharedPlaces(self.redis.ask, trial_reactor()) for _ in range(2)]

    async def test_lease(self) -> None:
        """One has it, once, until it lets go of it, or does not prolong it."""
        self.assertIsNone(await self.one.look("a"))
        self.assertIsNone(await self.one.look("a"))
        self.assertIs(await self.other.look("a"), BUSY)
        self.assertIsNone(await self.other.look("b"))
        await self.other.release("a")
        self.assertIs(await self.other.look("a"), BUSY)
        await self.one.release("a")
        self.assertIsNone(await self.other.look("a"))

    async def test_lease_ends_by_itself(self) -> None:
        await self.one.look("a")
        await self.redis.ask("PEXPIRE", "assisted-images:a", 300)
        await self.other.prolong("a")
        self.assertLessEqual(await self.redis.ask("PTTL", "assisted-images:a"), 300)
        await self.one.prolong("a")
        self.assertGreater(await self.redis.ask("PTTL", "assisted-images:a"), 300)
        await self.redis.ask("PEXPIRE", "assisted-images:a", 1)
        while await self.other.look("a") is BUSY:
            pass

    async def test_left(self) -> None:
        """All have it, for no longer than it lies there; nobody's lease changes that."""
        self.assertIsNone(await self.one.look("a"))
        self.assertIsNone(await self.one.leave("a", b"content", 100))
        now = trial_reactor().seconds()
        for places in (self.one, self.other):
            found = await places.look("a")
            assert isinstance(found, Left)
            self.assertEqual(found.content, b"content")
            self.assertLessEqual(found.until, now + 100)
            self.assertGreater(found.until, now + 90)
        await self.one.release("a")
        await self.one.prolong("a")
        self.assertGreater(await self.redis.ask("PTTL", "assisted-images:a"), 90_000)

    async def test_first_counts(self) -> None:
        """Who has lost the lease may leave it first; who leaves it then is told what counts."""
        self.assertIsNone(await self.one.look("a"))
        self.assertIs(await self.other.look("a"), BUSY)
        self.assertIsNone(await self.other.leave("a", b"other's", 100))
        found = await self.one.leave("a", b"one's", 100)
        assert isinstance(found, Left)
        self.assertEqual(found.content, b"other's")

    async def test_least_user(self) -> None:
        """What docs/how-to/replicas.md gives to a user of an access control list is enough."""
        text = (ROOT / "docs" / "how-to" / "replicas.md").read_text("utf-8")
        [rights] = re.findall(r"needs `([^`]*)`", text)
        await self.redis.ask("ACL", "SETUSER", "images", "on", ">opensesame", *rights.split())
        url = self.server.url.replace("//", "//images:opensesame@")
        comparison = KeyComparison("all", b"1")
        client = Redis(trial_reactor(), redis_place(url), tls_policy(), comparison.greet)
        client.startService()
        self.addCleanup(client.stopService)
        await self.until(client, there=True)
        places = SharedPlaces(client.ask, trial_reactor())
        self.assertIsNone(await places.look("a"))
        await places.prolong("a")
        self.assertIsNone(await places.leave("a", b"content", 100))
        self.assertIsInstance(await places.look("a"), Left)
        self.assertTrue(client.is_there)

    async def test_greeting(self) -> None:
        """Says whether somebody with another key was there before."""
        events = self.logged()
        for fingerprint in (b"1", b"1", b"2", b"2", b"1"):
            await KeyComparison("all", fingerprint).greet(self.redis.ask)
        self.assertEqual(len(events), 2)
