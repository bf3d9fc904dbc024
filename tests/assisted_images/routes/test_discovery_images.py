"""Discovery images, by every route that leads to one."""

from __future__ import annotations

from assisted_images.infra_envs.configurations import (
    Credential,
    CredentialKind,
)
from assisted_images.values import Configuration, ImageType
from tests.assisted_images.routes.application import (
    CONFIGURATION,
    ID,
    IMAGE,
    OPENSHIFT,
    VERSION,
)
from tests.assisted_images.routes.routes import LOCAL_TOKEN, TOKEN, RoutesTestCase


class DiscoveryImageTests(RoutesTestCase):
    async def test_full_iso_by_every_route(self) -> None:
        bodies = set()
        for path in (
            f"/byid/{ID}/{VERSION}/x86_64/full.iso",
            f"/byid/{ID}/{OPENSHIFT}/amd64/full.iso",
            f"/byapikey/{TOKEN}/{OPENSHIFT}/x86_64/full.iso",
            f"/bytoken/{LOCAL_TOKEN}/{OPENSHIFT}/x86_64/full.iso",
            f"/images/{ID}?version={OPENSHIFT}&type=full-iso",
            f"/images/{ID}?version={OPENSHIFT}&type=full-iso&arch=x86_64",
        ):
            answer = await self.get(path)
            self.assertEqual(answer.status, 200, path)
            self.assertEqual(answer.header("content-type"), "application/vnd.efi-iso")
            self.assertEqual(
                answer.header("content-disposition"),
                f'attachment; filename="{ID}-discovery.iso"',
            )
            self.assertEqual(answer.header("last-modified"), "Sun, 06 Nov 1994 08:49:37 GMT")
            self.assertEqual(answer.header("cache-control"), "private, no-cache")
            bodies.add(answer.body)
        (body,) = bodies
        self.assertIn(CONFIGURATION.ignition, self.ignition_in(body))
        for start in (20_000, 25_000):
            self.assertEqual(body[start : start + 20], b"quiet console=ttyS0\n")
        self.assertEqual(len(body), len(IMAGE))

    async def test_minimal_iso(self) -> None:
        answer = await self.get(f"/byid/{ID}/{OPENSHIFT}/x86_64/minimal.iso")
        self.assertEqual((answer.status, len(answer.body)), (200, 70_000))
        self.assertIn(CONFIGURATION.ignition, self.ignition_in(answer.body))
        self.assertEqual(answer.body[65_000:65_100], b"ramdisk".ljust(100, b"\0"))
        full = await self.get(f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso")
        self.assertEqual(len(full.body), len(IMAGE))

    async def test_disconnected_iso(self) -> None:
        answer = await self.get(f"/byid/{ID}/{OPENSHIFT}/x86_64/disconnected.iso")
        self.assertEqual(answer.status, 200)
        self.assertEqual(
            answer.header("content-disposition"), 'attachment; filename="agent-ove.x86_64.iso"'
        )

    async def test_head(self) -> None:
        answer = await self.get(f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso", method="HEAD")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer.header("content-length"), str(len(IMAGE)))

    async def test_etag_follows_the_configuration(self) -> None:
        path = f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso"
        first, again = await self.get(path), await self.get(path)
        self.infra_envs.answer = Configuration(b'{"ignition": {"version": "3.5.0"}}')
        changed = await self.get(
            path, {"Range": "bytes=0-1", "If-Range": first.header("etag") or ""}
        )
        self.assertEqual(first.header("etag"), again.header("etag"))
        self.assertNotEqual(first.header("etag"), changed.header("etag"))
        self.assertEqual((changed.status, len(changed.body)), (200, len(IMAGE)))

    async def test_what_is_asked_of_the_source(self) -> None:
        for file, kind in [
            ("full.iso", ImageType.FULL),
            ("minimal.iso", ImageType.MINIMAL),
            ("disconnected.iso", ImageType.DISCONNECTED),
        ]:
            await self.get(f"/byid/{ID}/{OPENSHIFT}/x86_64/{file}")
            asked = self.infra_envs.asked.pop()
            self.assertEqual((asked.infra_env_id, asked.image_type), (ID, kind))
        await self.get(f"/images/{ID}/pxe-initrd?version={OPENSHIFT}")
        self.assertIsNone(self.infra_envs.asked.pop().image_type)

    async def test_credentials_in_their_order(self) -> None:
        """Path api_key, query api_key, path token, query image_token, Authorization."""
        header = {"Authorization": "Bearer h"}
        tail = f"{OPENSHIFT}/x86_64/full.iso"
        query = f"version={OPENSHIFT}&type=full-iso"
        for path, kind, secret in [
            (f"/byapikey/{TOKEN}/{tail}?api_key=q&image_token=i", CredentialKind.API_KEY, TOKEN),
            (f"/bytoken/{TOKEN}/{tail}?api_key=q&image_token=i", CredentialKind.API_KEY, "q"),
            (f"/bytoken/{TOKEN}/{tail}?image_token=i", CredentialKind.IMAGE_TOKEN, TOKEN),
            (f"/byid/{ID}/{tail}?image_token=i", CredentialKind.IMAGE_TOKEN, "i"),
            (f"/byid/{ID}/{tail}", CredentialKind.AUTHORIZATION, "Bearer h"),
            (f"/images/{ID}?{query}&api_key=q", CredentialKind.API_KEY, "q"),
            (f"/images/{ID}/pxe-initrd?{query}&image_token=i", CredentialKind.IMAGE_TOKEN, "i"),
        ]:  # fmt: skip
            answer = await self.get(path, header)
            self.assertEqual(answer.status, 200, path)
            self.assertEqual(self.infra_envs.asked.pop().credential, Credential(kind, secret))
        await self.get(f"/byid/{ID}/{tail}")
        self.assertEqual(self.infra_envs.asked.pop().credential, Credential())
