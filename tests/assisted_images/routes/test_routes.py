"""Which routes there are, and where."""

from __future__ import annotations

from tests.assisted_images.routes.application import (
    ID,
    OPENSHIFT,
)
from tests.assisted_images.routes.routes import TOKEN, RoutesTestCase


class PlainListenerTests(RoutesTestCase):
    """Beside a TLS listener, the plain one serves what boots, and no discovery image."""

    boot_only = True

    async def test_serves(self) -> None:
        for path in (
            f"/images/{ID}/pxe-initrd?version={OPENSHIFT}",
            f"/images/{ID}/ipxe-script?version={OPENSHIFT}",
            f"/boot-artifacts/kernel?version={OPENSHIFT}",
            "/live",
            "/metrics",
            "/status",
        ):
            self.assertEqual((await self.get(path)).status, 200, path)
        self.assertEqual((await self.get("/health")).status, 503)

    async def test_does_not_serve(self) -> None:
        for path in (
            f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso",
            f"/bytoken/{TOKEN}/{OPENSHIFT}/x86_64/full.iso",
            f"/byapikey/{TOKEN}/{OPENSHIFT}/x86_64/full.iso",
            f"/images/{ID}?version={OPENSHIFT}&type=full-iso",
            f"/images/{ID}/s390x-initrd-addrsize?version={OPENSHIFT}",
        ):
            self.assertEqual((await self.get(path)).status, 404, path)


class WithAssistedServiceTests(RoutesTestCase):
    local_infra_envs = False

    async def test_no_ipxe_script(self) -> None:
        self.assertEqual((await self.get(f"/images/{ID}/ipxe-script?version=4")).status, 404)
