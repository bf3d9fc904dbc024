"""Objects one at a time: facts, bytes, URLs, errors."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from math import inf
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import trustme
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import ITCPTransport
from twisted.python.failure import Failure

from image_management.records.links import Link
from image_management.s3.access import S3Access, TimeLimits
from image_management.s3.errors import (
    ObjectExists,
    ObjectMissing,
    ObjectRefused,
    ObjectTooLarge,
    S3Error,
    S3Refused,
    S3Unavailable,
)
from image_management.s3.objects import ObjectFacts, ObjectStore
from tests.engines.faulty_proxy import Fault
from tests.httpd.outbound.servers import Received, ServerTestCase, always, response, trial_reactor
from tests.image_management.s3.case import S3Case, turn

ODD_KEYS = ("a b", "a+b", "a%2Fb", "é/ü", "日本", "a?b#c&d=e", "~_-.!*'()", '"<>"', "a:b@c")


class ObjectTests(S3Case):
    """What the store does, another client sees, and the other way round."""

    def direct_store(self, limits: TimeLimits | None = None) -> ObjectStore:
        """One whose URLs do not lead through this process, which waits for who reads them."""
        return ObjectStore(trial_reactor(), self.engine.access, limits=limits)

    async def test_facts(self) -> None:
        facts = {"ContentEncoding": "gzip", "CacheControl": "no-cache", "ContentDisposition": "x"}
        before = time.time() // 1
        link = self.put("a", b"data", ContentType="x/y", Metadata={"md5sum": "q"}, **facts)
        head = await self.store.head(link)
        expected = ObjectFacts(link.etag, 4, "x/y", {"md5sum": "q"}, facts, head.last_modified)
        self.assertEqual(head, expected)
        assert head.last_modified is not None
        self.assertTrue(before <= head.last_modified <= time.time())
        self.assertEqual(self.tries, [("HeadObject", "ok")])

    async def test_dates_that_are_none(self) -> None:
        """What belongs to an object may be any text."""
        self.put("a", b"data", Expires=datetime(2030, 1, 1, tzinfo=UTC))
        self.assertEqual((await self.store.head(Link("ims", "a"))).size, 4)

    async def test_missing(self) -> None:
        for link in (Link("ims", "none"), Link("no-such-bucket", "none")):
            with self.assertRaises(ObjectMissing) as caught:
                await self.store.head(link)
            self.assertNotIsInstance(caught.exception, ObjectRefused)
            self.assertEqual(str(caught.exception), "HEAD of the object: 404 Not Found")
            await self.assertFailure(
                Deferred.fromCoroutine(self.store.read(link, 9)), ObjectMissing
            )
            self.assertFalse(await self.store.exists(link))
            await self.store.delete(link)

    async def test_written_and_read(self) -> None:
        link = Link("ims", "deleted/x/manifest.json")
        written = await self.store.write(link, b"{}", "application/json", {"md5sum": "ü é"})
        self.assertEqual(written, Link(link.bucket, link.key, "99914b932bd37a50b983c5e7c90ae93b"))
        self.assertEqual(await self.store.read(link, 2), b"{}")
        self.assertTrue(await self.store.exists(link))
        head = await self.store.head(link)
        self.assertEqual((head.content_type, head.etag), ("application/json", written.etag))
        self.assertEqual(head.metadata, {"md5sum": "ü é"})
        await self.store.delete(link)
        await self.store.delete(link)
        self.assertEqual(self.keys(), set())

    async def test_nothing_in_it(self) -> None:
        link = await self.store.write(Link("ims", "a"), b"", "text/plain")
        self.assertEqual(await self.store.read(link, 0), b"")

    async def test_too_large(self) -> None:
        link = self.put("a", b"12345")
        with self.assertRaises(ObjectTooLarge) as caught:
            await self.store.read(link, 4)
        self.assertEqual(str(caught.exception), "GET of the object: it has more than 4 bytes")

    async def test_only_if_absent(self) -> None:
        """The same bytes count as written, as after an answer that was lost."""
        link = self.put("a", b"one")
        for fault in (None, Fault.CUT_AFTER):
            if fault:
                self.proxy.fail("PutObject", fault)
            same = await self.store.write(link, b"one", "text/plain", only_if_absent=True)
            self.assertEqual(same, link)
            with self.assertRaises(ObjectExists):
                await self.store.write(link, b"two", "text/plain", only_if_absent=True)
        self.assertEqual(self.stored(link), b"one")
        self.proxy.fail("PutObject", Fault.CUT_AFTER)
        new = await self.store.write(Link("ims", "b"), b"two", "text/plain", only_if_absent=True)
        self.assertEqual(self.stored(new), b"two")

    async def test_odd_keys(self) -> None:
        """Everything but control characters may be in one."""
        for number, key in enumerate(ODD_KEYS):
            data = str(number).encode()
            link = self.put(key, data)
            facts = await self.store.head(link)
            self.assertEqual(facts.etag, link.etag)
            copy = await self.store.copy(link, link.deleted(), facts)
            self.assertEqual(self.stored(copy), data)
            self.assertEqual(await self.store.read(copy, 9), data)
            with urlopen(self.direct_store().presigned_get(copy)) as answer:
                self.assertEqual(answer.read(), data)
            await self.store.delete(link)
        self.assertEqual(self.keys(), {f"deleted/{key}" for key in ODD_KEYS})

    async def test_presigned(self) -> None:
        """For so many seconds, for this object, and nobody can change that."""
        link = self.put("a b", b"data")
        url = self.direct_store(TimeLimits(url_seconds=77)).presigned_get(link)
        self.assertIn("/ims/a%20b?", url)
        self.assertIn("X-Amz-Expires=77&", url)
        with urlopen(url) as answer:
            self.assertEqual(answer.read(), b"data")
        for other in (url.replace("=77", "=78"), url.replace("a%20b", "a"), url[:-2] + "00"):
            self.assertRaises(HTTPError, urlopen, other)

    async def test_check(self) -> None:
        await self.store.check("ims")
        with self.assertRaises(ObjectMissing):
            await self.store.check("no-such-bucket")
        self.proxy.fail("HeadBucket", Fault.UNAVAILABLE)
        with self.assertRaises(S3Unavailable) as caught:
            await self.store.check("ims")
        self.assertEqual(caught.exception.kind, "503 Service Unavailable")

    async def test_cancelled(self) -> None:
        """Its connection closes."""
        self.proxy.fail("HeadObject", Fault.SILENT)
        asking = Deferred.fromCoroutine(self.store.head(Link("ims", "a")))
        while not self.proxy.seen["HeadObject"]:
            await turn()
        asking.cancel()
        await self.assertFailure(asking, CancelledError)
        while self.proxy.open:
            await turn()
        self.assertEqual(self.tries, [("HeadObject", "cancelled")])


class RefusedTests(S3Case):
    """Keys that are wrong, or may not."""

    async def test_wrong_keys(self) -> None:
        """HEAD is answered without a reason; it may be that the object is not there."""
        link = self.put("a", b"data")
        access = self.engine.access
        for wrong in (replace(access, secret_key="nope"), replace(access, access_key="NOPE")):
            store = self.store_of(wrong)
            with self.assertRaises(ObjectRefused) as head:
                await store.head(link)
            self.assertEqual(str(head.exception), "HEAD of the object: 403 Forbidden")
            with self.assertRaises(ObjectRefused):
                await store.exists(link)
            with self.assertRaises(S3Refused) as get:
                await store.read(link, 9)
            self.assertRegex(str(get.exception), r"^GET of the object: 403 Forbidden \(\w+\)$")
            for doing in (
                store.write(link, b"x", "x/y"),
                store.delete(link),
                store.copy(link, link.deleted(), ObjectFacts(link.etag, 4)),
                store.check("ims"),
            ):
                await self.assertFailure(Deferred.fromCoroutine(doing), S3Refused)
        self.assertEqual(self.stored(link), b"data")
        self.assertEqual({outcome for _, outcome in self.tries}, {"403"})

    async def test_a_key_below_an_object(self) -> None:
        """A server on a file system cannot have it; that is no trouble that passes."""
        self.put("a", b"data")
        with self.assertRaises(S3Unavailable) as caught:
            await self.store.write(Link("ims", "a/b"), b"x", "x/y")
        self.assertEqual(caught.exception.kind, "409 Conflict (ObjectParentIsFile)")
        self.assertEqual(self.proxy.seen["PutObject"], 1)


class UnreachableTests(ServerTestCase):
    """No S3 at all, or what is none: told in one phrase."""

    def store(self, endpoint: str, verified: bool | Path = True) -> ObjectStore:
        access = S3Access(endpoint, "AKIDTEST", "opensesame", ssl_validate=verified)
        store = ObjectStore(trial_reactor(), access, limits=TimeLimits(5, 5))
        self.addCleanup(store.close)
        return store

    async def kind_of(self, store: ObjectStore) -> str:
        with self.assertRaises(S3Error) as caught:
            await store.check("ims")
        kind: str = caught.exception.kind
        return kind

    async def test_kinds(self) -> None:
        answers = {
            response("410 Nonsense", b"<html>"): "410 Gone",
            response("403 Forbidden", b"<Error><Code>No Code</Code></Error>"): "403 Forbidden",
            response("301 Moved Permanently", location="http://a/"): "301 Moved Permanently",
            b"no HTTP at all": "it closed the connection",
        }
        for answer, kind in answers.items():
            with self.subTest(kind):
                server = self.serve(partial(_say, answer))
                self.assertEqual(await self.kind_of(self.store(server.url)), kind)

    async def test_refused(self) -> None:
        with socket.socket() as nobody:  # a port that is taken, and not listened to
            nobody.bind(("127.0.0.1", 0))
            store = self.store(f"http://127.0.0.1:{nobody.getsockname()[1]}")
            self.assertEqual(await self.kind_of(store), "connection refused")

    async def test_certificates(self) -> None:
        """Verified as the setting says: by the system's authorities, by these too, not at all."""
        authority = trustme.CA()
        bundle = Path(self.mktemp())
        authority.cert_pem.write_to_path(str(bundle))
        answer = always(response())
        server = self.serve(answer, authority.issue_cert("localhost"))
        self.assertIn("TLS failed", await self.kind_of(self.store(server.url)))
        await self.store(server.url, bundle).check("ims")
        await self.store(server.url, verified=False).check("ims")
        other = self.serve(answer, authority.issue_cert("other.example"))
        kind = await self.kind_of(self.store(other.url, bundle))
        self.assertEqual(kind, "its TLS certificate is for another host name")


def _say(answer: bytes, _received: Received, transport: ITCPTransport) -> None:
    transport.write(answer)
    transport.loseConnection()


class SecretTests(S3Case):
    """Neither keys nor signatures are in what is shown."""

    async def test_shown(self) -> None:
        link = self.put("a", b"data")
        shown = [
            repr(self.engine.access),
            repr(self.store),
            repr(self.store.source(link, await self.store.head(link))),
        ]
        self.proxy.fail("GetObject", Fault.UNAVAILABLE, inf)
        self.proxy.fail("HeadBucket", Fault.CUT)
        for asking in (self.store.read(link, 9), self.store.check("ims")):
            with self.assertRaises(S3Unavailable) as caught:
                await asking
            error = caught.exception
            shown += [str(error), repr(error), Failure(error).getTraceback()]
        access = self.engine.access
        for text in shown:
            for secret in (access.secret_key, access.access_key, "Signature", "AWS4"):
                self.assertNotIn(secret, text)
