"""C{docs/reference/} against a service that runs."""

from __future__ import annotations

import base64
import re

from twisted.internet.defer import Deferred

from demo.service import ROOT
from tests.field.assisted_service import FreshlySigned
from tests.field.images import file_name, noisy_image, os_images
from tests.field.service import FieldTestCase

_REFERENCE = ROOT / "docs" / "reference"


class DocumentationTests(FieldTestCase):
    """What the service says about itself is what its documentation says that it says."""

    async def test_metrics_and_status(self) -> None:
        """Every metric and every field, and none that is not there."""
        (self.data / file_name("1")).write_bytes(noisy_image())
        url = "http://127.0.0.1:1/nobody"
        assisted_service = FreshlySigned()
        assisted_service.up()
        self.addCleanup(lambda: Deferred.fromCoroutine(assisted_service.down()))
        key_file = self.directory() / "key"
        key_file.write_bytes(base64.b64encode(bytes(32)))
        cache = {"CONFIG_CACHE_URL": "redis://127.0.0.1:1", "CONFIG_CACHE_KEY_FILE": str(key_file)}
        service = await self.start(
            os_images({"version": "1", "url": url}, {"version": "2", "url": url})
            | {"DOWNLOAD_RETRY_SECONDS": "100"}
            | assisted_service.settings
            | cache,
            local=False,
        )
        await self.until_states(service, "ready", "failed")
        self.assertEqual((await self.get(service, self.full_iso())).status, 200)
        samples = (await self.get(service, "/metrics")).body.decode()
        families = set(re.findall(r"^# TYPE assisted_image_service_(\w+)", samples, re.MULTILINE))
        # A counter's moment of creation is the library's idea.
        families = {name for name in families if not name.endswith("_created")}
        section = (_REFERENCE / "metrics.md").read_text("utf-8")
        self.assertEqual(set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)), families)
        labels = set(re.findall(r'[{,](\w+)="', samples)) - {"le"}
        self.assertEqual([label for label in sorted(labels) if f"`{label}`" not in section], [])
        section = (_REFERENCE / "status.md").read_text("utf-8")
        for field in (await self.status(service))[0]:
            self.assertIn(f'"{field}":', section)
            self.assertIn(f"`{field}`", section)
