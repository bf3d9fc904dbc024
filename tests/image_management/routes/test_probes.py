"""How the service says it is."""

from __future__ import annotations

from collections.abc import Mapping

from image_management import __version__
from tests.engines.postgresql import PostgresqlServer
from tests.image_management.service import Ims, ServiceTestCase, json_of


class ProbeTests(ServiceTestCase):
    async def s3_is(self, ims: Ims, up: bool) -> Mapping[str, str]:
        """Wait until it is known; what the readiness probe says then."""
        while True:
            answer = await ims.ask("GET", "/healthz/ready")
            said: Mapping[str, str] = json_of(answer, answer.status)
            if (said["s3"] == "ok") == up and "not answered yet" not in said["s3"]:
                return said

    async def test_well(self) -> None:
        ims = await self.start()
        self.assertEqual(await self.s3_is(ims, True), {"store": "ok", "s3": "ok"})
        self.assertEqual(await ims.get("/version"), {"version": __version__})
        self.assertEqual(await ims.get("/healthz/live"), {"live": True})
        status = await ims.get("/status")
        self.assertEqual((status["version"], status["s3"]), (__version__, "ok"))
        metrics = (await ims.ask("GET", "/metrics")).text
        self.assertIn("image_management_s3_up 1.0", metrics)
        self.assertIn(
            'image_management_s3_request_duration_seconds_count{operation="HeadBucket",'
            'outcome="ok"}',
            metrics,
        )

    async def test_without_a_bucket(self) -> None:
        """It is told which."""
        ims = await self.start({"S3_IMS_BUCKET": "other"})
        said = await self.s3_is(ims, False)
        self.assertEqual(said["store"], "ok")
        self.assertIn("bucket other", said["s3"])

    async def test_without_s3(self) -> None:
        """Ready all the same, and lists go on; unless that was set otherwise."""
        ims = await self.start()
        await ims.s3.kill()
        other = await self.start_beside(ims.s3)
        await self.s3_is(other, False)
        self.assertEqual((await other.ask("GET", "/healthz/ready")).status, 200)
        self.assertEqual(await other.get("/images"), [])
        self.assertIn("image_management_s3_up 0.0", (await other.ask("GET", "/metrics")).text)

    async def test_strict(self) -> None:
        ims = await self.start({"IMS_READY_NEEDS_S3": "true"})
        self.assertEqual((await ims.ask("GET", "/healthz/ready")).status, 200)
        await self.s3_is(ims, True)


class StoreTests(ServiceTestCase):
    """The PostgreSQL server goes away, and comes back."""

    async def test_store_away(self) -> None:
        server = PostgresqlServer()
        self.addCleanup(server.remove)
        server.start()
        ims = await self.start({"DATABASE_URL": server.url()})
        made = await ims.make("/images", name="x")
        server.crash()
        for method, path, given in (
            ("GET", "/images", None),
            ("GET", f"/v3/images/{made['id']}", None),
            ("POST", "/images", {"name": "y"}),
            ("DELETE", "/v3/images", None),
        ):
            answer = await ims.ask(method, path, given)
            self.assert_problem(answer, 503, "the store")
            self.assertTrue(int(answer.header("retry-after") or 0))
        ready = await ims.ask("GET", "/healthz/ready")
        self.assertEqual(ready.status, 503)
        self.assertNotEqual(json_of(ready, 503)["store"], "ok")
        self.assertEqual((await ims.ask("GET", "/healthz/live")).status, 200)
        server.start()
        self.assertEqual(await ims.get("/images"), [made])
        self.assertEqual((await ims.ask("GET", "/healthz/ready")).status, 200)
