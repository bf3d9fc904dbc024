"""Answers of Kubernetes' API that go on: watches and logs."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from image_management.jobs.kubernetes.api import ApiError
from image_management.jobs.kubernetes.resources import JOB
from image_management.jobs.kubernetes.streams import Stream
from tests.httpd.outbound.servers import (
    response,
    trial_reactor,
)
from tests.image_management.jobs.kubernetes.answering import THING, ApiTestCase, found, status


class StreamTests(ApiTestCase):
    def event(self, type: str, version: str, **members: Any) -> bytes:
        thing = {"metadata": {"name": "it", "resourceVersion": version}, **members}
        return json.dumps({"type": type, "object": thing}).encode() + b"\n"

    async def test_list_and_watch(self) -> None:
        listing = {"metadata": {"resourceVersion": "7"}, "items": [THING]}
        self.answers = [found(listing), b"HTTP/1.1 200 OK\r\n\r\n"]
        found_now = await self.outcome(self.api.list(JOB, "n", "a=b,c"))
        self.assertEqual((found_now.items, found_now.version), ([THING], "7"))
        watch = await self.outcome(self.api.watch(JOB, "n", "7", labels="a=b", seconds=60))
        first, second = self.server.requests
        self.assertEqual(first.query, {"labelSelector": ["a=b,c"]})
        self.assertEqual(
            second.query,
            {
                "watch": ["true"],
                "allowWatchBookmarks": ["true"],
                "resourceVersion": ["7"],
                "timeoutSeconds": ["60"],
                "labelSelector": ["a=b"],
            },
        )
        [connection] = self.server.connections
        transport: Any = connection.transport
        data = self.event("ADDED", "8") + self.event("BOOKMARK", "9")
        for piece in (data[:10], data[10:-5], data[-5:]):
            transport.write(piece)
            await deferLater(trial_reactor(), 0)
        told = [await watch.next(), await watch.next()]
        self.assertEqual(
            [(one.type, one.version) for one in told], [("ADDED", "8"), ("BOOKMARK", "9")]
        )
        transport.loseConnection()
        self.assertIsNone(await watch.next())

    async def test_end_of_a_watch(self) -> None:
        gone = {"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "old"}}
        for data, expected in (
            (json.dumps(gone).encode() + b"\n", (410, "watch of jobs: old")),
            (b"nonsense\n", (None, "watch of jobs: what it sends is no event")),
            (b"{}\n", (None, "watch of jobs: what it sends is no event")),
        ):
            self.answers = [response(body=data)]
            watch = await self.outcome(self.api.watch(JOB, "n", "7"))
            with self.assertRaises(ApiError) as failed:
                await watch.next()
            self.assertEqual((failed.exception.status, str(failed.exception)), expected)
            watch.close()
        for code in (403, 410):
            self.answers = [status(code)]
            error = await self.outcome(self.api.watch(JOB, "n", "7"))
            self.assertEqual(error.status, code)
        self.answers = [response(body=b"{", length=100)]
        watch = await self.outcome(self.api.watch(JOB, "n", "7"))
        [connection] = self.server.connections
        transport: Any = connection.transport
        transport.abortConnection()
        with self.assertRaises(ApiError):
            await watch.next()

    async def test_a_server_that_is_gone(self) -> None:
        """A watch that has not ended by when it should."""
        self.answers = [b"HTTP/1.1 200 OK\r\n\r\n"]
        watch = await self.outcome(self.api.watch(JOB, "n", "7", seconds=60))
        waiting = Deferred.fromCoroutine(watch.next())
        self.clock.advance(60)
        self.assertFalse(waiting.called)
        self.clock.advance(60)
        with self.assertRaises(ApiError) as failed:
            await waiting
        self.assertIn("the server has not ended it in time", str(failed.exception))
        await self.server.all_connections_lost()

    async def test_log(self) -> None:
        """At the pace of who reads; whoever is cancelled loses nothing."""
        size = 8 * 1024 * 1024
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()
        self.answers = [head]
        stream: Stream = await self.outcome(self.api.log("n", "pod", "sshd", follow=True, tail=5))
        [asked] = self.server.requests
        self.assertEqual(asked.path, "/api/v1/namespaces/n/pods/pod/log")
        self.assertEqual(
            asked.query, {"container": ["sshd"], "follow": ["true"], "tailLines": ["5"]}
        )
        waiting = Deferred.fromCoroutine(stream.read())
        waiting.cancel()
        with self.assertRaises(CancelledError):
            await waiting
        [connection] = self.server.connections
        transport: Any = connection.transport
        transport.write(bytes(size))
        await self.until(lambda: stream._paused)
        self.assertLess(stream._ahead_bytes, 1024 * 1024)
        came = 0
        while piece := await stream.read():
            came += len(piece)
        self.assertEqual(came, size)

    async def test_closed(self) -> None:
        self.answers = [b"HTTP/1.1 200 OK\r\n\r\nabc"]
        stream: Stream = await self.outcome(self.api.log("n", "pod", "sshd"))
        self.assertEqual(await stream.read(), b"abc")
        stream.close()
        await self.server.all_connections_lost()
        self.answers = [status(400, "BadRequest", "container is waiting to start")]
        error = await self.outcome(self.api.log("n", "pod", "sshd"))
        self.assertEqual(str(error), "log of sshd of Pod pod: container is waiting to start")
