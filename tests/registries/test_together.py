"""Several processes with images out of the same release payload."""

from __future__ import annotations

import json

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from tests.assisted_images.workers.service import ask
from tests.field import clients
from tests.registries.case import BOTH, X86_64, release_images, small_isos
from tests.registries.service import ReleaseServiceTestCase, file_name


class TogetherTests(ReleaseServiceTestCase):
    async def test_one_data_dir(self) -> None:
        """Of two services one takes an ISO out of the payload, and the other waits for it."""
        registry = await self.registry()
        payload = await self.small_payload(registry.host, registry)
        settings = release_images(registry.host, X86_64) | self.insecure(registry.host)
        services = await gatherResults(
            [Deferred.fromCoroutine(self.start(settings, healthy=True)) for _ in range(2)]
        )
        bodies = {(await self.get(one, self.path(X86_64, "minimal.iso"))).body for one in services}
        self.assertEqual(len(bodies), 1)
        name = file_name(X86_64)
        self.assertEqual((self.data / name).read_bytes(), small_isos()[X86_64].read_bytes())
        self.assertEqual([one for one in self.names() if ".part" in one or ".refused" in one], [])
        self.assertEqual(len(registry.gets(payload.layers[X86_64][-1].digest)), 1)

    async def test_several_workers(self) -> None:
        """Each of them serves what one has brought, and knows what the ISO says of itself."""
        registry = await self.registry()
        await self.small_payload(registry.host, registry)
        settings = release_images(registry.host) | self.insecure(registry.host)
        service = await self.start(settings | {"WORKERS": "3"}, healthy=True)
        connections = [clients.client(service, "http") for _ in range(9)]
        self.addCleanup(clients.close, connections)
        for one in connections:
            await deferToThread(ask, one, "/live")
        answers = set()
        for one in connections:
            _, body = await deferToThread(ask, one, "/status")
            images = json.loads(body)["images"]
            answers.add(tuple(image["rhcos_version"] for image in images))
            for architecture, version in zip(BOTH, answers.copy().pop(), strict=True):
                path = self.path(architecture, "minimal.iso", version)
                head, _ = await deferToThread(ask, one, path, "Range: bytes=0-99")
                self.assertTrue(head.startswith(b"HTTP/1.1 206 "), head)
        [versions] = answers
        self.assertTrue(all(versions), versions)
        asked = {
            event["worker"] for event in service.events if event.get("route", "").startswith("/by")
        }
        self.assertEqual(asked, {0, 1, 2})
