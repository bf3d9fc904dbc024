"""Mirrors, storage that a registry redirects to, and bytes that are wrong."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.interfaces import ITCPTransport

from tests.httpd.outbound.servers import Received, response
from tests.registries.case import (
    SOURCE,
    X86_64,
    ClientTestCase,
    pull_secret,
    registries_conf,
)
from tests.registries.payload import (
    RELEASES,
)
from tests.registries.registry import Registry


class RedirectTests(ClientTestCase):
    """Registries that have their blobs elsewhere."""

    async def redirecting(self, url: str) -> Registry:
        """A registry with a payload and a login, whose blobs are at C{url}."""
        registry = await self.registry(htpasswd=True)
        await self.small_payload(registry.host, registry)
        await registry.kill()
        registry.kind = replace(registry.kind, blobs_at=url)
        await registry.start()
        return registry

    async def test_redirected(self) -> None:
        """The storage gets the request for the blob, and no login."""
        served: dict[str, bytes] = {}

        def storage(received: Received, transport: ITCPTransport) -> None:
            transport.write(response(body=served[received.path.split("/")[-2]]))

        server = self.serve(storage)
        registry = await self.redirecting(f"{server.url}/storage")
        served |= {file.parent.name: file.read_bytes() for file in registry.blobs.glob("*/*/data")}
        registries = self.registries(
            conf=registries_conf(registry.host), secret=pull_secret(registry.host)
        )
        self.assertEqual(await self.download(registries, registry.host), self.iso())
        self.assertGreater(len(server.requests), 1)
        self.assertTrue(all("authorization" not in one.headers for one in server.requests))

    async def test_storage_that_wants_a_login(self) -> None:
        """Who a redirect leads to has no say in where our login goes."""
        thief = self.serve(lambda received, transport: transport.write(response()))

        def storage(received: Received, transport: ITCPTransport) -> None:
            challenge = f'Bearer realm="{thief.url}/token"'
            transport.write(response("401 Unauthorized", WWW_Authenticate=challenge))

        registry = await self.redirecting(f"{self.serve(storage).url}/storage")
        registries = self.registries(
            conf=registries_conf(registry.host), secret=pull_secret(registry.host)
        )
        await self.refusal(registries, registry.host)
        self.assertEqual(thief.requests, [])


class MirrorTests(ClientTestCase):
    """Mirrors in order, then the source."""

    async def test_order(self) -> None:
        """A mirror that is down, one that has nothing, one that has it."""
        down, empty, full = [await self.registry() for _ in range(3)]
        await self.small_payload(SOURCE, full)
        await down.kill()
        hosts = [one.host for one in (down, empty, full)]
        registries = self.registries(conf=registries_conf(SOURCE, *hosts))
        self.assertEqual(await self.download(registries, SOURCE), self.iso())
        self.assertEqual({access.status for access in empty.accesses}, {404})

    async def test_all_failures_are_named(self) -> None:
        down, empty = await self.registry(), await self.registry()
        await down.kill()
        conf = registries_conf(SOURCE, down.host, empty.host, blocked=True)
        text = await self.refusal(self.registries(conf=conf), SOURCE)
        self.assertIn(f"{down.host}/{RELEASES}: ", text)
        self.assertIn("connection refused", text)
        self.assertIn(f"{empty.host}/{RELEASES}: ", text)
        self.assertIn("(404)", text)

    async def test_source_last(self) -> None:
        empty, source = await self.registry(), await self.registry()
        await self.small_payload(source.host, source)
        registries = self.registries(conf=registries_conf(source.host, empty.host))
        self.assertEqual(await self.download(registries, source.host), self.iso())

    async def test_broken_mirror(self) -> None:
        """What is wrong at one place is right at the next."""
        broken, sound = await self.registry(), await self.registry()
        payload = await self.small_payload(SOURCE, broken, sound)
        layer = payload.layers[X86_64][-1]
        file = broken.blob(layer.digest)
        file.write_bytes(file.read_bytes()[::-1])
        conf = registries_conf(SOURCE, broken.host, sound.host)
        self.assertEqual(await self.download(self.registries(conf=conf), SOURCE), self.iso())
        self.assertNotEqual(broken.gets(layer.digest), [])

    async def test_wrong_digests(self) -> None:
        """A manifest, a config, a layer that are not what their digests say."""
        registry = await self.registry()
        payload = await self.small_payload(registry.host, registry)
        for digest in (payload.images["digest"], payload.layers[X86_64][-1].digest):
            file = registry.blob(digest)
            sound = file.read_bytes()
            file.write_bytes(sound[:-2] + b"\n" + sound[-1:])
            registries = self.registries(conf=registries_conf(registry.host))
            self.assertIn(digest, await self.refusal(registries, registry.host))
            file.write_bytes(sound)
