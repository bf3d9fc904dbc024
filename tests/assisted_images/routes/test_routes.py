"""Which routes there are, and where."""

from __future__ import annotations

from tests.assisted_images.routes.application import (
    ID,
    OPENSHIFT,
)
from tests.assisted_images.routes.routes import TOKEN, RoutesTestCase


class PlainListenerTests(RoutesTestCase):
    """Beside a TLS listener, the plain one serves what boots, and no discovery image."""

    rest_at = "port 8443"

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
            answer = await self.assert_problem(path, 404, "over HTTPS, at port 8443")
            self.assertIsNone(answer.header("location"))  # a token is not to be sent again
            self.assertNotIn(TOKEN, answer.text)
        self.assertIn("nothing at this path", (await self.get("/byid")).text)


class WithAssistedServiceTests(RoutesTestCase):
    local_infra_envs = False

    async def test_no_ipxe_script(self) -> None:
        self.assertEqual((await self.get(f"/images/{ID}/ipxe-script?version=4")).status, 404)


class PathTests(RoutesTestCase):
    async def test_slashes(self) -> None:
        """One more at the beginning is the end of somebody's base; at the end it is a part."""
        path = f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso"
        for same in (path, f"/{path}", f"///{path}"):
            self.assertEqual((await self.get(same)).status, 200, same)
        for other in (
            f"{path}/",
            path.replace("/full", "//full"),
            "/health/",
            "//health/",
            "/live/",
        ):
            self.assertEqual((await self.get(other)).status, 404, other)


class CacheTests(RoutesTestCase):
    async def test_what_is_true_now_alone(self) -> None:
        for path in ("/status", "/health", "/live", "/metrics", "/other"):
            self.assertEqual((await self.get(path)).header("cache-control"), "no-store", path)

    async def test_forms(self) -> None:
        """Whoever keeps C{/status} all the same is told what it depends on."""
        for accept in ("text/plain", "application/json"):
            answer = await self.get("/status", {"Accept": accept})
            self.assertEqual(answer.header("vary"), "Accept")
            self.assertTrue((answer.header("content-type") or "").startswith(accept))
