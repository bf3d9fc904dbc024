"""Images that stay at their origin, nginx, served by the real service."""

from __future__ import annotations

import random
from hashlib import sha256

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from assisted_images.on_demand.block_file import BLOCKS
from assisted_images.on_demand.block_places import BLOCK
from demo.service import ServiceProcess
from tests.assisted_images.downloads.origin import Origin
from tests.certificates import identity
from tests.field import clients
from tests.field.images import file_name, noisy_image, os_images
from tests.field.on_demand_case import ON_DEMAND, OnDemandCase, is_ready
from tests.field.service import SECONDS, events_of

_GIB = 1 << 30
_CLIENTS = 30


class LargeImageTests(OnDemandCase):
    async def test_sixty_gib_from_an_empty_disk(self) -> None:
        size = 60 * _GIB
        self.put("1.iso", noisy_image(), size)
        service = await self.start_with("1")
        [image] = await self.status(service)
        self.assertEqual((image["state"], image["total"]), ("ready", size))
        self.assertLess(image["bytes"], 0.05 * size)
        got = await self.get(service, self.full_iso(), {"Range": "bytes=0-0"})
        self.assertEqual(got.header("content-range"), f"bytes 0-0/{size}")
        end = await self.part(service, size - 1000, 1000)
        self.assertEqual(end, bytes(1000))
        minimal = self.full_iso().replace("full", "minimal")
        self.assertEqual((await self.get(service, minimal)).status, 200)
        self.assertLess(self.room(), 0.05 * size)
        self.assert_asked_once("1.iso")


class ChecksumTests(OnDemandCase):
    async def test_of_what_is_not_here(self) -> None:
        """It is fetched for that, each part once, and served ever after."""
        self.put("1.iso", noisy_image())
        service = await self.start_with("1")
        line = await self.get(service, f"{self.full_iso()}.sha256")
        whole = await self.get(service, self.full_iso())
        self.assertEqual(line.body.decode(), f"{sha256(whole.body).hexdigest()}  full.iso\n")
        self.assertEqual(line.header("etag"), whole.header("etag"))
        self.assert_asked_once("1.iso")


class ManyClientsTests(OnDemandCase):
    async def test_in_many_places_and_in_one(self) -> None:
        content = noisy_image(48 << 20)
        self.put("1.iso", content)
        service = await self.start_with("1")
        whole = (await self.get(service, self.full_iso())).body
        chance = random.Random(3)
        self.assertEqual(len(whole), len(content))
        await self.kill(service)
        for path in self.data.glob(f"*{BLOCKS}"):
            path.unlink()
        before = self.origin.parts("1.iso")
        service = await self.start_with("1")
        places = [chance.randrange(len(content) - 2 * BLOCK) for _ in range(_CLIENTS)]
        await gatherResults(
            [
                Deferred.fromCoroutine(self.same_part(service, place, whole))
                for place in [*places, *[7 * BLOCK - 5] * _CLIENTS]
            ]
        )
        asked = self.origin.parts("1.iso") - before
        self.assertEqual(set(asked.values()), {1})

    async def same_part(self, service: ServiceProcess, start: int, whole: bytes) -> None:
        length = 2 * BLOCK
        found = await self.part(service, start, length)
        self.assertTrue(found == whole[start : start + length], f"bytes from {start} on")

    async def test_as_a_whole_image_by_both_listeners(self) -> None:
        content = noisy_image()
        self.put("1.iso", content)
        key, certificate = identity("localhost").write(self.directory())
        tls = {"HTTPS_KEY_FILE": str(key), "HTTPS_CERT_FILE": str(certificate)}
        settings = tls | {"HTTP_LISTEN_PORT": "0", "HTTP_SERVES": "all"}
        service = await self.start_with("1", **settings)
        found = [
            await deferToThread(_download, service, scheme, self.full_iso())
            for scheme in ("https", "http", "https")
        ]
        (self.data / file_name("2")).write_bytes(content)
        images = os_images({"version": "2", "url": "http://127.0.0.1:1/nobody"})
        other = await self.start(images | settings, healthy=True)
        whole = await deferToThread(_download, other, "http", self.full_iso("2"))
        for each in found:
            self.assertTrue(each == whole)
        self.assert_asked_once("1.iso")


class BackgroundTests(OnDemandCase):
    async def start_in_background(self, sha256: str) -> ServiceProcess:
        url = self.origin.url("1.iso")
        image = {"version": "1", "url": url, "fetch": "background", "sha256": sha256}
        return await self.start(os_images(image), healthy=True)

    async def test_it_becomes_an_ordinary_image(self) -> None:
        content = noisy_image()
        self.put("1.iso", content)
        service = await self.start_in_background(sha256(content).hexdigest())
        before = (await self.get(service, self.full_iso())).body
        await service.wait_for(
            lambda: len([event for event in events_of(service, "1") if is_ready(event)]) == 2,
            "have it as a whole",
            SECONDS,
        )
        [image] = await self.status(service)
        self.assertEqual((image["bytes"], image["on_demand"]), (len(content), None))
        self.assertTrue((self.data / file_name("1")).read_bytes() == content)
        self.assertEqual(self.names(), [file_name("1"), file_name("1") + ".checked.json"])
        self.assertTrue((await self.get(service, self.full_iso())).body == before)
        self.assert_asked_once("1.iso")
        asked = self.origin.parts("1.iso")
        again = await self.start_in_background(sha256(content).hexdigest())
        self.assertTrue((await self.get(again, self.full_iso())).body == before)
        self.assertEqual(self.origin.parts("1.iso"), asked)

    async def test_it_is_another_image_than_it_should_be(self) -> None:
        self.put("1.iso", noisy_image())
        service = await self.start_in_background("0" * 64)
        await service.wait_for(
            lambda: events_of(service, "1")[-1]["state"] == "failed", "refuse it", SECONDS
        )
        self.assertIn("sha256", events_of(service, "1")[-1]["reason"])
        self.assertEqual((await self.get(service, self.full_iso())).status, 503)
        self.assertEqual(self.names(), [])


class OriginTests(OnDemandCase):
    async def test_one_that_gives_no_parts(self) -> None:
        content = noisy_image()
        server = self.serve(Origin(content, ranges=False))
        images = os_images({"version": "1", "url": f"{server.url}/1.iso"})
        service = await self.start(images | ON_DEMAND, healthy=True)
        [image] = await self.status(service)
        self.assertEqual((image["bytes"], image["on_demand"]), (len(content), None))
        self.assertIn("fetched whole: the origin does not answer Range", image["reason"])
        self.assertIn(file_name("1"), self.names())

    async def test_a_whole_image_that_is_here_is_used(self) -> None:
        (self.data / file_name("1")).write_bytes(noisy_image())
        service = await self.start_with("1")
        [image] = await self.status(service)
        self.assertEqual((image["state"], image["on_demand"]), ("ready", None))


class ChangeTests(OnDemandCase):
    async def test_another_file(self) -> None:
        old, new = noisy_image(), noisy_image(25 << 20)
        path = self.put("1.iso", old)
        service = await self.start_with("1")
        first = await self.get(service, self.full_iso(), {"Range": "bytes=0-9"})
        path.unlink()
        self.put("1.iso", new)
        wanted = {"Range": f"bytes={20 * BLOCK}-{20 * BLOCK + 999}"}
        self.assertEqual((await self.get(service, self.full_iso(), wanted)).status, 503)
        await service.wait_for(
            lambda: (
                [event["state"] for event in service.events if "state" in event][-2:]
                == ["checking", "ready"]
                and any("another file" in str(event.get("reason")) for event in service.events)
            ),
            "be ready again",
            SECONDS,
        )
        second = await self.get(service, self.full_iso(), {"Range": "bytes=0-9"})
        self.assertNotEqual(first.header("etag"), second.header("etag"))
        found = await self.part(service, 20 * BLOCK, 1000)
        self.assertEqual(found, new[20 * BLOCK :][:1000])

    async def test_replicas_agree(self) -> None:
        self.put("1.iso", noisy_image())
        etags = []
        for _ in range(2):
            self.data = self.directory()
            service = await self.start_with("1")
            rootfs = "/boot-artifacts/rootfs?version=1&arch=x86_64"
            etags.append((await self.get(service, rootfs, {"Range": "bytes=0-9"})).header("etag"))
        self.assertEqual(etags[0], etags[1])


def _download(service: ServiceProcess, scheme: str, path: str) -> bytes:
    connection = clients.client(service, scheme)
    with connection:
        connection.sendall(clients.request(path))
        return clients.rest_of(connection, clients.head_of(connection))
