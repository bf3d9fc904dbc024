"""URLs that are for one host."""

from __future__ import annotations

import re
from dataclasses import replace

from assisted_images.routes.signed_urls import SignedUrls
from assisted_images.routes.tree import make_site
from assisted_images.values import ImageType
from tests.assisted_images.routes.application import ID, OPENSHIFT, VERSION
from tests.assisted_images.routes.routes import TOKEN, RoutesTestCase
from tests.httpd.web.serving import Lines, listen

HOST = "52-54-00-12-34-56"
COLONS = "52:54:00:12:34:56"

_EXPIRY = 1 << 36


class HostTests(RoutesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.urls = SignedUrls(bytes(32))
        self.log = Lines()
        app = replace(
            self.application,
            request_log=self.log,
            signed_urls=self.urls,
            signed_urls_only=False,
        )
        self.port = listen(self, make_site(app))

    def signed(self, *parts: str) -> str:
        return self.urls.path([ID, *parts], _EXPIRY)

    async def test_whose_configuration_is_asked_for(self) -> None:
        """However it is spelled; and the log is told."""
        rest = f"{OPENSHIFT}/x86_64/{COLONS}"
        query = f"version={OPENSHIFT}&host={HOST.upper()}"
        for path, image_type in (
            (f"/byid/{ID}/{rest}/full.iso", ImageType.FULL),
            (f"/byid/{ID}/{rest}/minimal.iso.sha256", ImageType.MINIMAL),
            (f"/byapikey/{TOKEN}/{rest}/full.iso", ImageType.FULL),
            (f"/bytoken/{TOKEN}/{rest}/minimal.iso", ImageType.MINIMAL),
            (f"/images/{ID}?{query}&type=minimal-iso", ImageType.MINIMAL),
            (f"/images/{ID}/pxe-initrd?{query}", None),
            (f"/images/{ID}/s390x-initrd-addrsize?{query}", None),
            (f"/images/{ID}/ipxe-script?{query}", ImageType.FULL),
            (self.signed(OPENSHIFT, "x86_64", HOST, "full.iso"), ImageType.FULL),
            (self.signed(OPENSHIFT, "x86_64", HOST, "pxe-initrd"), None),
        ):
            self.infra_envs.asked.clear()
            self.assertEqual((await self.get(path)).status, 200, path)
            [asked] = self.infra_envs.asked
            self.assertEqual((asked.infra_env_id, asked.host), (ID, HOST), path)
            self.assertEqual(asked.image_type, image_type, path)
            self.assertEqual(self.log.written[-1]["host"], HOST)

    async def test_without_a_host(self) -> None:
        await self.get(f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso")
        await self.get(f"/images/{ID}/pxe-initrd?version={OPENSHIFT}&host=")
        self.assertEqual([asked.host for asked in self.infra_envs.asked], [None, None])
        self.assertNotIn("host", self.log.written[-1])

    async def test_one_configuration_for_all(self) -> None:
        """Where a host has nothing of its own it gets the same bytes, with the same entity tag."""
        whole = await self.get(f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso")
        own = await self.get(f"/byid/{ID}/{OPENSHIFT}/x86_64/{HOST}/full.iso")
        self.assertEqual(own.header("etag"), whole.header("etag"))
        digests = {asked.digest for asked in self.infra_envs.asked}
        self.assertEqual(len(digests), 1, "assisted-service is asked once")

    async def test_scripts_lead_to_the_initrd_of_the_host(self) -> None:
        for path, expected in (
            (
                f"/images/{ID}/ipxe-script?version={OPENSHIFT}&host={COLONS}",
                f"/images/{ID}/pxe-initrd?arch=x86_64&version={VERSION}&host={HOST}",
            ),
            (
                self.signed(OPENSHIFT, "x86_64", HOST, "ipxe-script"),
                self.signed(VERSION, "x86_64", HOST, "pxe-initrd"),
            ),
        ):
            script = (await self.get(path)).text
            [initrd] = re.findall(r"^initrd --name initrd http://[^/]*(\S+)$", script, re.MULTILINE)
            self.assertEqual(initrd, expected)

    async def test_no_mac_address(self) -> None:
        await self.assert_problem(
            f"/byid/{ID}/{OPENSHIFT}/x86_64/server-1/full.iso",
            404,
            "the host in the path is no MAC address; expected one such as 52-54-00-12-34-56",
        )
        await self.assert_problem(
            self.signed(OPENSHIFT, "x86_64", "server-1", "pxe-initrd"), 404, "no MAC address"
        )
        for name in ("", "/pxe-initrd", "/ipxe-script", "/s390x-initrd-addrsize"):
            path = f"/images/{ID}{name}?version={OPENSHIFT}&type=full-iso&host=server-1"
            answer = await self.assert_problem(path, 400, "the 'host' parameter is no MAC address")
            self.assertNotIn("server-1", answer.text)

    async def test_a_signature_is_for_one_host(self) -> None:
        path = self.signed(OPENSHIFT, "x86_64", HOST, "full.iso")
        for other in (path.replace(f"/{HOST}", ""), path.replace(HOST, HOST[::-1])):
            await self.assert_problem(other, 403, "the signature is not of this path")
