"""C{docs/reference/} against a service that runs."""

from __future__ import annotations

import base64

from twisted.internet.defer import Deferred

from demo.service import ROOT
from tests.certificates import identity
from tests.documented_metrics import documented_families, labels_without_words, told_families
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
        served = identity("localhost")
        certificate = dict(
            zip(("HTTPS_KEY_FILE", "HTTPS_CERT_FILE"), served.write(self.directory()), strict=True)
        )
        plain = {"HTTP_LISTEN_PORT": "0", "HTTP_SERVES": "all"}
        tls = {name: str(file) for name, file in certificate.items()} | plain
        service = await self.start(
            os_images({"version": "1", "url": url}, {"version": "2", "url": url})
            | {"DOWNLOAD_RETRY_SECONDS": "100"}
            | assisted_service.settings
            | cache
            | tls,
            local=False,
        )
        await self.until_states(service, "ready", "failed")
        self.assertEqual((await self.get(service, self.full_iso())).status, 200)
        samples = (await self.get(service, "/metrics")).body.decode()
        self.assertEqual(told_families(samples), documented_families("assisted-images"))
        self.assertEqual(labels_without_words("assisted-images", samples), [])
        expiry = served.certificate.not_valid_after_utc.timestamp()
        told = await self.metrics(service)
        self.assertEqual(told["certificate_expiration_timestamp_seconds"], expiry)
        failures = {name: told[name] for name in told if name.startswith("image_failures")}
        self.assertEqual([*failures.values()], [0, 1])
        section = (_REFERENCE / "status.md").read_text("utf-8")
        for field in (await self.status(service))[0]:
            self.assertIn(f'"{field}":', section)
            self.assertIn(f"`{field}`", section)
