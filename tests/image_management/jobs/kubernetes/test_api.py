"""Requests to Kubernetes' API: what is tried again and when, and what an error says."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.web.client import BrowserLikePolicyForHTTPS

from image_management.jobs.kubernetes.api import REQUEST_SECONDS, ApiError, KubernetesApi
from image_management.jobs.kubernetes.connection import Cluster
from image_management.jobs.kubernetes.labels import JOB_LABEL
from image_management.jobs.kubernetes.resources import CONFIG_MAP, JOB
from tests.httpd.outbound.servers import (
    response,
    trial_reactor,
)
from tests.image_management.jobs.kubernetes.answering import CUT, THING, ApiTestCase, found, status


class RetryTests(ApiTestCase):
    async def test_passing(self) -> None:
        """Three more tries, after 1, 2 and 4 seconds."""
        for trouble in (
            CUT,
            status(500, "InternalError"),
            status(503),
            status(429, "TooManyRequests"),
            status(504, "Timeout"),
            status(403, "ServerTimeout"),
            response("502 Bad Gateway", b"<html>"),
            response(body=b"no JSON"),
        ):
            self.answers = [trouble, trouble, trouble, found()]
            self.assertEqual(await self.outcome(self.api.get(JOB, "n", "it"), 1, 2, 4), THING)
            self.answers = [trouble] * 4
            error = await self.outcome(self.api.get(JOB, "n", "it"), 1, 2, 4)
            self.assertIsInstance(error, ApiError)
            self.assertEqual(self.answers, [])

    async def test_not_passing(self) -> None:
        for code, reason in ((401, "Unauthorized"), (403, "Forbidden"), (404, "NotFound")):
            self.answers = [status(code, reason, "that is so")]
            error = await self.outcome(self.api.get(JOB, "n", "it"))
            self.assertEqual((error.status, error.reason), (code, reason))
            self.assertEqual(str(error), "GET of Job it: that is so")

    async def test_retry_after(self) -> None:
        """As the server wants, but not for ever."""
        busy = status(429, "TooManyRequests", retry_after="3")
        self.answers = [busy, busy, busy, found()]
        self.assertEqual(await self.outcome(self.api.get(JOB, "n", "it"), 3, 3, 4), THING)
        self.answers = [status(503, retry_after="86400"), found()]
        self.assertEqual(await self.outcome(self.api.get(JOB, "n", "it"), 60), THING)

    async def test_no_answer(self) -> None:
        """Nor the rest of one."""
        part = response(body=b'{"metadata"', length=1000)
        self.answers = [None, part, found()]
        running = Deferred.fromCoroutine(self.api.get(JOB, "n", "it"))
        for pause in (1, 2):
            count = len(self.server.requests)
            while len(self.server.requests) == count:
                await deferLater(trial_reactor(), 0)
            self.clock.advance(REQUEST_SECONDS)
            while self.waits() != [pause]:
                await deferLater(trial_reactor(), 0)
            self.clock.advance(pause)
        self.assertEqual(await running, THING)

    async def test_refused_connection(self) -> None:
        cluster = Cluster("http://127.0.0.1:1", BrowserLikePolicyForHTTPS(), lambda: None)
        self.api = KubernetesApi(cluster, self.agent(), self.clock)
        error = await self.outcome(self.api.get(JOB, "n", "it"), 1, 2, 4)
        self.assertEqual(str(error), "GET of Job it: connection refused")

    async def test_cancelled(self) -> None:
        self.answers = [None]
        running = Deferred.fromCoroutine(self.api.get(JOB, "n", "it"))
        await self.server.arrivals.get()
        running.cancel()
        with self.assertRaises(CancelledError):
            await running
        await self.server.all_connections_lost()

    async def test_what_is_said_is_shown_within_bounds(self) -> None:
        self.answers = [status(422, "Invalid", "x" * 100_000)]
        error = await self.outcome(self.api.get(JOB, "n", "it"))
        self.assertLess(len(str(error)), 1100)
        self.answers = [status(422, "Invalid", "at https://s3/x?X-Amz-Signature=abcdef")]
        error = await self.outcome(self.api.get(JOB, "n", "it"))
        self.assertNotIn("abcdef", str(error))


class WriteTests(ApiTestCase):
    there = status(409, "AlreadyExists", "it is there")

    def create(self) -> Any:
        return self.api.create(CONFIG_MAP, "n", THING)

    async def test_create(self) -> None:
        self.answers = [response("201 Created", json.dumps(THING).encode())]
        self.assertEqual(await self.outcome(self.create()), THING)
        [asked] = self.server.requests
        self.assertEqual((asked.method, asked.path), ("POST", "/api/v1/namespaces/n/configmaps"))
        self.assertEqual(json.loads(asked.body), THING)
        self.assertEqual(asked.headers["content-type"], "application/json")
        self.assertEqual(asked.headers["accept-encoding"], "identity")

    async def test_there_already(self) -> None:
        """It is ours where a try of ours may have made it, and it is of the same job."""
        self.answers = [self.there]
        error = await self.outcome(self.create())
        self.assertEqual(error.reason, "AlreadyExists")
        self.answers = [CUT, self.there, found()]
        self.assertEqual(await self.outcome(self.create(), 1), THING)
        others = {"metadata": {"name": "it", "labels": {JOB_LABEL: "other"}}}
        for other in (others, {"metadata": {"name": "it"}}):
            self.answers = [CUT, self.there, found(other)]
            error = await self.outcome(self.create(), 1)
            self.assertEqual(str(error), "create of ConfigMap it: it is there")

    async def test_delete(self) -> None:
        self.answers = [found({"status": "Success"}), status(404, "NotFound"), CUT, found()]
        await self.outcome(self.api.delete(JOB, "n", "it"))
        self.assertIsNone(await self.outcome(self.api.delete(JOB, "n", "it")))
        self.assertIsNone(await self.outcome(self.api.delete(JOB, "n", "it", uid="u"), 1))
        bodies = [json.loads(one.body) for one in self.server.requests]
        self.assertEqual(bodies[0], {"propagationPolicy": "Background"})
        self.assertEqual(bodies[-1], bodies[0] | {"preconditions": {"uid": "u"}})
        self.answers = [status(403, "Forbidden")]
        error = await self.outcome(self.api.delete(JOB, "n", "it"))
        self.assertEqual(error.status, 403)
