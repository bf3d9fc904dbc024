"""The texts that people copy."""

from __future__ import annotations

import json
import shlex

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.pages.addresses import command_lines, image_urls
from tests.assisted_images.pages.written import INFRA_ENV
from tests.assisted_images.routes.application import VERSION, content, entry

BASE = "https://images.example.com"
PLACE = f"{BASE}/byid/{INFRA_ENV}/{VERSION}/x86_64"


class AddressTests(SynchronousTestCase):
    def test_urls(self) -> None:
        urls = [one.text for one in image_urls(BASE, INFRA_ENV, entry(), content())]
        self.assertEqual(urls, [f"{PLACE}/full.iso", f"{PLACE}/minimal.iso"])

    def test_no_minimal_iso(self) -> None:
        urls = [one.text for one in image_urls(BASE, INFRA_ENV, entry(), content(minimal=None))]
        self.assertEqual(urls, [f"{PLACE}/full.iso"])

    def test_disconnected(self) -> None:
        image = entry(kind="disconnected-iso")
        [url] = image_urls(BASE, INFRA_ENV, image, content())
        self.assertEqual(url.text, f"{PLACE}/disconnected.iso")
        names = [one.name for one in command_lines(BASE, INFRA_ENV, image, url.text)]
        self.assertEqual(names, ["Download", "Redfish"])

    def test_command_lines(self) -> None:
        """As a shell reads them."""
        ipxe, download, redfish = command_lines(BASE, INFRA_ENV, entry(), f"{PLACE}/full.iso")
        self.assertEqual(
            ipxe.text,
            f"chain {BASE}/images/{INFRA_ENV}/ipxe-script?version={VERSION}&arch=x86_64",
        )
        self.assertEqual(shlex.split(download.text)[-1], f"{PLACE}/full.iso")
        arguments = shlex.split(redfish.text)
        document = json.loads(arguments[arguments.index("--data") + 1])
        self.assertEqual(document["Image"], f"{PLACE}/full.iso")
        self.assertTrue(arguments[-1].endswith("/Actions/VirtualMedia.InsertMedia"))
