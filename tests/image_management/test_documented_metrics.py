"""C{docs/reference/metrics.md} against image management as it runs."""

from __future__ import annotations

from tests.documented_metrics import documented_families, labels_without_words, told_families
from tests.engines.postgresql import PostgresqlServer
from tests.image_management.service import ServiceTestCase


class DocumentedMetricsTests(ServiceTestCase):
    """What the service says about itself is what its documentation says that it says."""

    async def test_metrics(self) -> None:
        """Every metric, and none that is not there."""
        ims = await self.start_with_tls()
        await ims.make("/images", name="x")
        told = (await ims.ask("GET", "/metrics")).text
        self.assertEqual(told_families(told), documented_families("image-management"))
        self.assertEqual(labels_without_words("image-management", told), [])
        self.assertIn('image_management_disk_free_bytes{directory="IMS_DATA_DIR"}', told)
        self.assertIn("image_management_database_up 1.0", told)

    async def test_database_away(self) -> None:
        server = PostgresqlServer()
        self.addCleanup(server.remove)
        server.start()
        ims = await self.start({"DATABASE_URL": server.url()})
        await ims.get("/images")
        server.crash()
        self.assertEqual((await ims.ask("GET", "/healthz/ready")).status, 503)
        told = (await ims.ask("GET", "/metrics")).text
        self.assertIn("image_management_database_up 0.0", told)
        self.assertIn('seconds_count{operation="read",outcome="unavailable"} 1.0', told)
        server.start()
        await ims.get("/images")
        self.assertIn("image_management_database_up 1.0", (await ims.ask("GET", "/metrics")).text)
