"""Checksums beside everything that is downloaded: what they say, and what they cost."""

from __future__ import annotations

import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from threading import Event, get_native_id

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase, TestCase

from assisted_images.on_demand.fetch import BlockUnavailable
from assisted_images.routes.checksums import Checksums, hashed
from assisted_images.routes.tree import make_site
from assisted_images.values import Configuration
from httpd.concurrency.threads import own_threads, run_at_once
from httpd.representation.segments import FileSegment, Representation, Source, ZeroSegment
from httpd.streaming.disk import DiskFile
from httpd.web.problems import Problem
from httpd.web.respond import Content
from tests.assisted_images.on_demand.case import CONTENT, OnDemandTestCase
from tests.assisted_images.routes.application import ID, OPENSHIFT
from tests.assisted_images.routes.routes import TOKEN, RoutesTestCase
from tests.httpd.web.serving import listen, reactor

_REST = f"{OPENSHIFT}/x86_64"
PATHS = (
    (f"/byid/{ID}/{_REST}/full.iso", ""),
    (f"/byid/{ID}/{_REST}/minimal.iso", ""),
    (f"/byid/{ID}/{_REST}/disconnected.iso", ""),
    (f"/byapikey/{TOKEN}/{_REST}/full.iso", ""),
    (f"/bytoken/{TOKEN}/{_REST}/full.iso", ""),
    (f"/images/{ID}", f"?version={OPENSHIFT}&type=minimal-iso"),
    (f"/images/{ID}/pxe-initrd", f"?version={OPENSHIFT}"),
    (f"/images/{ID}/s390x-initrd-addrsize", f"?version={OPENSHIFT}"),
    (f"/images/{ID}/ipxe-script", f"?version={OPENSHIFT}"),
    ("/boot-artifacts/kernel", f"?version={OPENSHIFT}"),
    ("/boot-artifacts/rootfs", f"?version={OPENSHIFT}"),
    ("/boot-artifacts/ins-file", f"?version={OPENSHIFT}&arch=s390x"),
)
"""Every download, as path and query."""


class BesideDownloadsTests(RoutesTestCase):
    async def test_each_route(self) -> None:
        """As C{sha256sum} writes it, with the name that the URL has, and the same entity tag."""
        for path, query in PATHS:
            whole = await self.get(path + query)
            answer = await self.get(f"{path}.sha256{query}")
            name = path.rpartition("/")[2]
            self.assertEqual((whole.status, answer.status), (200, 200), path)
            self.assertEqual(answer.text, f"{sha256(whole.body).hexdigest()}  {name}\n")
            for field in ("etag", "cache-control", "last-modified"):
                self.assertEqual(answer.header(field), whole.header(field), path)
            self.assertEqual(answer.header("content-type"), "text/plain; charset=utf-8")
            self.assertEqual(
                answer.header("content-disposition"),
                (whole.header("content-disposition") or "").removesuffix('"') + '.sha256"',
            )

    async def test_holds_a_download_and_its_checksum_together(self) -> None:
        path = f"/byid/{ID}/{_REST}/full.iso"
        etag = (await self.get(path)).header("etag") or ""
        same = await self.get(f"{path}.sha256", {"If-Match": etag})
        self.assertEqual(same.status, 200)
        self.infra_envs.answer = Configuration(b'{"ignition": {"version": "3.2.0"}}')
        for method in ("GET", "HEAD"):
            other = await self.get(f"{path}.sha256", {"If-Match": etag}, method)
            self.assertEqual(other.status, 412, method)

    async def test_parts(self) -> None:
        """A line is a download like any other."""
        path = f"/byid/{ID}/{_REST}/full.iso.sha256"
        line = (await self.get(path)).body
        part = await self.get(path, {"Range": "bytes=60-69"})
        self.assertEqual((part.status, part.body), (206, line[60:70]))

    async def test_refusals(self) -> None:
        """Those of what it would be the checksum of, with their reasons."""
        for path, status, text in (
            (f"/byid/{ID}/{_REST}/other.iso.sha256", 404, "unrecognized file name 'other.iso'"),
            (f"/byid/{ID}/{_REST}/.sha256", 404, "unrecognized file name '.sha256'"),
            (f"/byid/{ID}/9.9/x86_64/full.iso.sha256", 404, "not found"),
            (f"/images/{ID}.sha256?version={OPENSHIFT}", 400, "'type' parameter required"),
            ("/images/passwd.sha256?version=1", 404, "lower-case UUID"),
            ("/boot-artifacts/initrd.sha256", 404, "unknown boot artifact 'initrd'"),
            (f"/images/{ID}.sha256/pxe-initrd", 404, "nothing at this path"),
            ("/status.sha256", 404, "nothing at this path"),
        ):
            await self.assert_problem(path, status, text)

    async def test_names_of_routes(self) -> None:
        """No token is in them."""
        await self.get(f"/bytoken/{TOKEN}/{_REST}/full.iso.sha256")
        text = (await self.get("/metrics")).text
        self.assertIn('handler="/bytoken/:token.sha256"', text)
        self.assertNotIn(TOKEN, text)


class PlainListenerTests(RoutesTestCase):
    rest_at = "port 8443"

    async def test_as_what_it_is_of(self) -> None:
        for path, query in PATHS:
            whole = await self.get(path + query)
            answer = await self.get(f"{path}.sha256{query}")
            self.assertEqual(answer.status, whole.status, path)


class WaitingTests(RoutesTestCase):
    """Requests, and threads of the test's."""

    def setUp(self) -> None:
        super().setUp()
        self.hashed: list[Deferred[str]] = []
        self.checksums = Checksums(self.in_thread)  # type: ignore[arg-type]
        app = replace(self.application, checksums=self.checksums)
        self.port = listen(self, make_site(app))

    def in_thread(self, *_: object) -> Deferred[str]:
        self.hashed.append(Deferred())
        return self.hashed[-1]

    async def test_who_waits_keeps_no_download_waiting(self) -> None:
        """There are ten slots for downloads."""
        path = f"/byid/{ID}/{_REST}/full.iso"
        asked = [Deferred.fromCoroutine(self.get(f"{path}.sha256")) for _ in range(20)]
        while self.checksums.slots.in_use < len(asked):
            self.assertEqual((await self.get(path)).status, 200)
        self.assertEqual(len(self.hashed), 1)
        self.hashed[0].callback("0" * 64)
        for answer in await gatherResults(asked):
            self.assertEqual(answer.text, f"{'0' * 64}  full.iso\n")

    async def test_nothing_is_hashed_for_nothing(self) -> None:
        """Neither for the fields alone, nor for who has it."""
        path = f"/byid/{ID}/{_REST}/full.iso.sha256"
        fields = await self.get(path, method="HEAD")
        etag = fields.header("etag") or ""
        known = await self.get(path, {"If-None-Match": etag})
        beyond = await self.get(path, {"Range": "bytes=1000-"})
        self.assertEqual((known.status, beyond.status, self.hashed), (304, 416, []))
        asked = Deferred.fromCoroutine(self.get(path))
        while not self.hashed:
            self.assertEqual((await self.get("/live")).status, 200)
        self.hashed[0].callback("1" * 64)
        line = (await asked).body
        self.assertEqual(fields.header("content-length"), str(len(line)))
        for same in (path, f"/bytoken/{TOKEN}/{_REST}/full.iso.sha256"):
            self.assertEqual((await self.get(same)).body, line)
        self.assertEqual(len(self.hashed), 1, "it is one version, by whichever route")


class ChecksumsTestCase(TestCase):
    """In threads of its own."""

    def setUp(self) -> None:
        self.checksums = Checksums(own_threads(reactor, 1, "checksums", daemon=True))

    def line(self, *segments: FileSegment | ZeroSegment, etag: str | None = None) -> Source:
        content = Content(Representation(segments), "any", "any", "private", None, etag)
        [segment] = self.checksums.of(content, "name").representation
        assert isinstance(segment, FileSegment)
        return segment.source

    async def read(self, line: Source) -> str:
        answer = line.read(0, 1000)
        return (answer if isinstance(answer, bytes) else await answer).decode()


class FilesTests(ChecksumsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = Path(self.mktemp())
        self.path.write_bytes(CONTENT)
        self.file = DiskFile(self.path, run_at_once)

    async def test_larger_than_a_piece(self) -> None:
        """Parts of a file, and more zeros than are at hand."""
        zeros = 9 << 20
        line = self.line(FileSegment(self.file, 5, len(CONTENT) - 5), ZeroSegment(zeros))
        expected = sha256(CONTENT[5:] + bytes(zeros)).hexdigest()
        self.assertEqual(await self.read(line), f"{expected}  name\n")

    async def test_cut_meanwhile(self) -> None:
        os.truncate(self.path, 100)
        line = self.line(FileSegment(self.file, 0, len(CONTENT)))
        with self.assertRaises(Problem) as raised:
            await self.read(line)
        problem = raised.exception
        self.assertEqual((problem.status, problem.headers), (503, {"Retry-After": "30"}))

    async def test_written_into_meanwhile(self) -> None:
        """What comes out of it is the checksum of nothing that has an entity tag."""
        with self.path.open("r+b") as file:
            file.write(b"other")
        os.utime(self.path, (1, 1))
        line = self.line(FileSegment(self.file, 0, len(CONTENT)))
        with self.assertRaises(Problem) as raised:
            await self.read(line)
        self.assertIn("has changed", raised.exception.detail)

    async def test_gives_way(self) -> None:
        """The thread alone: others are as they were."""
        nice: list[int] = []

        class Looking(DiskFile):
            def read_into(self, buffer: memoryview, offset: int, *, wait: bool) -> int:
                nice.append(os.getpriority(os.PRIO_PROCESS, get_native_id()))
                return super().read_into(buffer, offset, wait=wait)

        before = os.getpriority(os.PRIO_PROCESS, 0)
        await self.read(self.line(FileSegment(Looking(self.path, run_at_once), 0, 10)))
        self.assertEqual(nice, [max(before, 10)])
        self.assertEqual(os.getpriority(os.PRIO_PROCESS, 0), before)


class OnDemandTests(OnDemandTestCase):
    """Images that are fetched on demand."""

    async def test_what_is_not_here_is_fetched(self) -> None:
        file = await self.open()
        checksums = Checksums(own_threads(reactor, 1, "checksums", daemon=True))
        content = Content(
            Representation.of(FileSegment(file, 3, file.size - 3)), "any", "any", "private"
        )
        [line] = checksums.of(content, "1.iso").representation
        assert isinstance(line, FileSegment)
        answer = await line.source.read(0, line.length)  # type: ignore[misc]
        self.assertEqual(answer.decode(), f"{sha256(CONTENT[3:]).hexdigest()}  1.iso\n")

    async def test_what_cannot_be_had(self) -> None:
        file = await self.open()
        file.close("its origin has gone")
        checksums = Checksums(own_threads(reactor, 1, "checksums", daemon=True))
        content = Content(
            Representation.of(FileSegment(file, 0, file.size)), "any", "any", "private"
        )
        [line] = checksums.of(content, "1.iso").representation
        assert isinstance(line, FileSegment)
        reading = line.source.read(0, line.length)
        assert isinstance(reading, Deferred)
        await self.assertFailure(reading, BlockUnavailable)


class TogetherTests(SynchronousTestCase):
    """Who waits for one that is under way."""

    def setUp(self) -> None:
        self.begun: list[tuple[Deferred[str], Event]] = []
        self.checksums = Checksums(self.in_thread)  # type: ignore[arg-type]

    def in_thread(self, _: object, __: Representation, given_up: Event) -> Deferred[str]:
        hashing: Deferred[str] = Deferred()
        self.begun.append((hashing, given_up))
        return hashing

    def waiting(self, etag: str = '"1"') -> Deferred[bytes]:
        content = Content(Representation(), "any", "any", "private", None, etag)
        [line] = self.checksums.of(content, "name").representation
        assert isinstance(line, FileSegment)
        answer = line.source.read(0, line.length)
        assert isinstance(answer, Deferred)
        return answer

    def test_one_for_all(self) -> None:
        waiting = [self.waiting(), self.waiting(), self.waiting('"2"')]
        self.assertEqual(len(self.begun), 2)
        self.begun[0][0].callback("a" * 64)
        for each in waiting[:2]:
            self.assertEqual(self.successResultOf(each), b"a" * 64 + b"  name\n")
        self.assertNoResult(waiting[2])
        self.assertTrue(self.successResultOf(self.waiting()))
        self.begun[1][0].callback("b" * 64)
        self.assertTrue(self.successResultOf(waiting[2]))

    def test_given_up_when_all_have_left(self) -> None:
        first, second = self.waiting(), self.waiting()
        hashing, given_up = self.begun[0]
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertFalse(given_up.is_set())
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.assertTrue(given_up.is_set())
        third = self.waiting()
        self.assertEqual(len(self.begun), 2)
        hashing.errback(CancelledError())  # the thread has noticed
        self.assertNoResult(third)
        self.begun[1][0].callback("c" * 64)
        self.assertTrue(self.successResultOf(third))

    def test_failures_are_not_kept(self) -> None:
        waiting = self.waiting()
        self.begun[0][0].errback(OSError("no"))
        self.failureResultOf(waiting, OSError)
        again = self.waiting()
        self.begun[1][0].callback("d" * 64)
        self.assertTrue(self.successResultOf(again))

    def test_a_thread_that_is_given_up_ends(self) -> None:
        """Also one whose turn comes after all have left."""
        content = Representation.from_bytes(b"any")
        given_up = Event()
        self.assertEqual(hashed(content, given_up), sha256(b"any").hexdigest())
        given_up.set()
        with self.assertRaises(CancelledError):
            hashed(content, given_up)
