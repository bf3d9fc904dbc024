"""Rules and dashboards on a Prometheus that scrapes the real services."""

from __future__ import annotations

import base64

from twisted.internet.defer import Deferred

from tests.certificates import identity
from tests.deploy.dashboards import as_now, dashboard, queries, variables
from tests.deploy.rules import rule_file
from tests.engines.prometheus import Prometheus, start_prometheus
from tests.field.assisted_service import FreshlySigned
from tests.field.images import noisy_image, os_images
from tests.field.on_demand_case import OnDemandCase
from tests.image_management.service import ServiceTestCase


class _Scraped:
    """What both services' tests do."""

    async def scraped(self, service: str, port: int) -> Prometheus:
        """
        A Prometheus that has scraped a service twice, and has looked at its rules since.

        @raise AssertionError: a rule cannot be evaluated.
        """
        prometheus = await start_prometheus(self, {service: port}, [rule_file(service)])  # type: ignore[arg-type]
        scrapes = f'count_over_time(up{{job="{service}"}}[1m])'

        async def is_known() -> bool:
            found = await prometheus.query(scrapes)
            groups = (await prometheus.ask("rules"))["groups"]
            health = {rule["health"] for group in groups for rule in group["rules"]}
            assert "err" not in health, groups
            return bool(found) and int(found[0]["value"][1]) >= 4 and health == {"ok"}

        await prometheus.until(is_known)
        return prometheus

    async def without_answer(self, service: str, prometheus: Prometheus) -> set[str]:
        """The panels of a service's dashboard that do not show everything."""
        board = dashboard(service)
        empty = {
            title
            for title, query in queries(board)
            if not await prometheus.query(as_now(query, service))
        }
        for series in variables(board):
            assert await prometheus.query(as_now(series, service)), series
        return empty


class AssistedImagesTests(_Scraped, OnDemandCase):
    """One image on demand, one that fails, and a cache of replicas that is not there."""

    async def test_scraped(self) -> None:
        self.put("1.iso", noisy_image())
        url = self.origin.url("1.iso")
        assisted_service = FreshlySigned()
        assisted_service.up()
        self.addCleanup(lambda: Deferred.fromCoroutine(assisted_service.down()))
        key_file = self.directory() / "key"
        key_file.write_bytes(base64.b64encode(bytes(32)))
        key, certificate = identity("localhost").write(self.directory())
        service = await self.start(
            os_images(
                {"version": "1", "url": url, "fetch": "on-demand"},
                {"version": "2", "url": "http://127.0.0.1:1/nobody"},
            )
            | assisted_service.settings
            | {
                "DOWNLOAD_RETRY_SECONDS": "100",
                "CONFIG_CACHE_URL": "redis://127.0.0.1:1",
                "CONFIG_CACHE_KEY_FILE": str(key_file),
                "HTTPS_KEY_FILE": str(key),
                "HTTPS_CERT_FILE": str(certificate),
                "HTTP_LISTEN_PORT": "0",
                "HTTP_SERVES": "all",
            },
            local=False,
        )
        await self.until_states(service, "ready", "failed")
        self.assertEqual((await self.get(service, self.full_iso())).status, 200)
        prometheus = await self.scraped("assisted-images", service.ports["http"])
        self.assertEqual(await self.without_answer("assisted-images", prometheus), set())
        alerts = (await prometheus.ask("alerts"))["alerts"]
        said = {alert["labels"]["alertname"]: alert["annotations"] for alert in alerts}
        self.assertEqual(
            said["AssistedImagesImageFailed"]["summary"], "Image 2 x86_64 full-iso cannot be had"
        )
        left = said["AssistedImagesCertificateExpires"]["description"]
        self.assertIn("23h", left)


class ImageManagementTests(_Scraped, ServiceTestCase):
    """Without jobs."""

    async def test_scraped(self) -> None:
        ims = await self.start_with_tls()
        await ims.make("/images", name="x")
        prometheus = await self.scraped("image-management", ims.process.ports["http"])
        self.assertEqual(
            await self.without_answer("image-management", prometheus),
            {"Stages on this host", "Left over in Kubernetes", "Watches that broke"},
        )
