"""The double, and what fails as it is told to."""

from __future__ import annotations

import json
import zlib

from twisted.internet.defer import Deferred
from twisted.web.client import Agent, HTTPConnectionPool, ResponseNeverReceived, readBody
from twisted.web.http_headers import Headers

from tests.engines.kubernetes.bed import sample_job
from tests.engines.kubernetes.case import KubernetesTestCase
from tests.engines.kubernetes.client import Client
from tests.engines.kubernetes.double import start_double
from tests.engines.kubernetes.failing_server import TOKEN, FailingServer
from tests.engines.kubernetes.kubelet import ended_with, running
from tests.engines.kubernetes.orders import CUT, FOR_GOOD, FORBIDDEN, UNAVAILABLE, too_many
from tests.engines.kubernetes.resources import KINDS
from tests.engines.kubernetes.test_double import configmap, watch
from tests.httpd.outbound.servers import trial_reactor


class TroubleTests(KubernetesTestCase):
    """What only the double does."""

    def service(self, double: FailingServer) -> Client:
        """A client with the service's token."""
        return Client(double.server, TOKEN, double.namespace)

    async def test_ordered_errors(self) -> None:
        """Once or for good, and only of the service's requests."""
        double = start_double(self)
        service = self.service(double)
        double.fail("create", "configmaps", UNAVAILABLE, 2)
        for _ in range(2):
            error = await self.refusal(service.create("configmaps", configmap()))
            self.assertEqual((error.code, error.reason), (500, "InternalError"))
        await service.create("configmaps", configmap())
        double.fail("get", "*", FORBIDDEN, FOR_GOOD)
        error = await self.refusal(service.get("configmaps", "one"))
        self.assertEqual((error.code, error.reason), (403, "Forbidden"))
        self.assertIn('cannot get resource "configmaps"', error.message)
        await double.client.get("configmaps", "one")
        double.heal()
        double.fail("get", "configmaps", too_many(7))
        error = await self.refusal(service.get("configmaps", "one"))
        self.assertEqual((error.code, error.details["retryAfterSeconds"]), (429, 7))
        asked = [str(one) for one in double.requests]
        self.assertEqual(asked, ["create configmaps"] * 3 + ["get configmaps one"] * 2)

    async def test_cut(self) -> None:
        """Before it is done, and after."""
        double = start_double(self)
        service = self.service(double)
        double.fail("create", "configmaps", CUT)
        await self.assertFailure(
            Deferred.fromCoroutine(service.create("configmaps", configmap())),
            ResponseNeverReceived,
        )
        self.assertEqual(await double.client.names("configmaps"), [])
        double.fail("create", "configmaps", CUT.after())
        await self.assertFailure(
            Deferred.fromCoroutine(service.create("configmaps", configmap())),
            ResponseNeverReceived,
        )
        self.assertEqual(await double.client.names("configmaps"), ["one"])

    async def test_no_more_answers(self) -> None:
        """From a request on."""
        for done in (False, True):
            double = start_double(self)
            service = self.service(double)
            reached = double.stop_answering(1, done=done)
            await service.create("configmaps", configmap("one"))
            self.assertNoResult(reached)
            asking = Deferred.fromCoroutine(service.create("configmaps", configmap("two")))
            await reached
            self.assertNoResult(asking)
            there = await double.client.names("configmaps")
            self.assertEqual(there, ["one", "two"] if done else ["one"])
            double.go_on()
            await self.assertFailure(asking, ResponseNeverReceived)
            await service.create("configmaps", configmap("three"))

    async def test_watches(self) -> None:
        """Bookmarks, ends, cuts, and what is too long ago."""
        double = start_double(self)
        first = await watch(double, "configmaps", "0")
        double.send_bookmarks()
        await double.client.create("configmaps", configmap())
        await first.seen("ADDED one")
        self.assertEqual(first.events[0]["type"], "BOOKMARK")
        version = first.events[0]["object"]["metadata"]["resourceVersion"]
        double.end_watches()
        await first.closed
        second = await watch(double, "configmaps", version)
        await second.seen("ADDED one")
        double.cut_watches()
        await second.closed
        third = await watch(double, "configmaps", version)
        double.expire_watches()
        await third.closed
        self.assertEqual(third.events[-1]["object"]["code"], 410)
        fourth = await watch(double, "configmaps", version)
        await fourth.closed
        self.assertEqual([one["object"]["code"] for one in fourth.events], [410])

    async def test_no_istio(self) -> None:
        """The group is not there at all."""
        double = start_double(self, istio=False)
        error = await self.refusal(double.client.items("destinationrules"))
        self.assertEqual((error.code, error.reason), (404, ""))
        self.assertFalse(await double.has_istio())

    async def test_logs(self) -> None:
        """They go on until the container ends."""
        double = start_double(self)
        await double.client.create("jobs", sample_job("job"))
        pod = await double.kubelet.pod_of("job")
        error = await self.refusal(double.client.log(pod, "main"))
        self.assertEqual(error.code, 400)
        self.assertIn("is waiting to start", error.message)
        error = await self.refusal(double.client.log(pod, "other"))
        self.assertIn("container other is not valid", error.message)
        await double.kubelet.set_containers(pod, fetch=ended_with(0), main=running())
        double.write_log(pod, "main", "one", "two")
        self.assertEqual(await double.client.log(pod, "main"), "one\ntwo\n")
        self.assertEqual(await double.client.log(pod, "main", tailLines=1), "two\n")
        following = Deferred.fromCoroutine(double.client.log(pod, "main", follow="true"))
        double.write_log(pod, "main", "three")
        await double.kubelet.succeed("job")
        double.write_log(pod, "main", "late")
        self.assertEqual(await following, "one\ntwo\nthree\n")

    async def test_gzip(self) -> None:
        """Each event of a watch is a gzip member, for those who take gzip."""
        double = start_double(self)
        pool = HTTPConnectionPool(trial_reactor(), persistent=False)
        url = f"{double.server}{KINDS['configmaps'].path('ims')}?watch=true"
        fields = {"authorization": [f"Bearer {TOKEN}"], "accept-encoding": ["gzip"]}
        agent = Agent(trial_reactor(), pool=pool)
        response = await agent.request(b"GET", url.encode(), Headers(fields))
        self.assertEqual(response.headers.getRawHeaders("content-encoding"), ["gzip"])
        await double.client.create("configmaps", configmap("one"))
        await double.client.create("configmaps", configmap("two"))
        reading = readBody(response)
        double.end_watches()
        first = zlib.decompressobj(wbits=31)
        self.assertEqual(json.loads(first.decompress(await reading))["type"], "ADDED")
        second = zlib.decompressobj(wbits=31)
        event = json.loads(second.decompress(first.unused_data))
        self.assertEqual(event["object"]["metadata"]["name"], "two")
