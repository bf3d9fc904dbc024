"""Images on a real S3 server, versitygw, served by the real service."""

from __future__ import annotations

from pathlib import Path

from tests.engines.versitygw import ACCESS_KEY, SECRET_KEY, start_versitygw
from tests.field.images import file_name, noisy_image, os_images
from tests.field.service import FieldTestCase, events_of

_KEY = "live/rhcos~4.17+x86_64.iso"


class S3OriginTests(FieldTestCase):
    timeout = 300

    async def setUp(self) -> None:  # type: ignore[override]
        self.server = await start_versitygw(self, "images")
        super().setUp()
        self.server.client().put_object(Bucket="images", Key=_KEY, Body=noisy_image())
        self.settings = os_images({"version": "1", "url": f"s3://images/{_KEY}"}) | {
            "S3_ENDPOINT": self.server.access.endpoint
        }
        self.keys = {"S3_ACCESS_KEY": ACCESS_KEY, "S3_SECRET_KEY": SECRET_KEY}

    async def test_whole_and_on_demand(self) -> None:
        whole = await self.start(self.settings | self.keys, healthy=True)
        expected = (await self.get(whole, self.full_iso())).body
        self.assertTrue((self.data / file_name("1")).read_bytes() == noisy_image())
        self.data = self.directory()
        secret = Path(self.mktemp()).absolute()
        secret.write_text(SECRET_KEY + "\n")
        keys = {"S3_ACCESS_KEY": ACCESS_KEY, "S3_SECRET_KEY_FILE": str(secret)}
        fetch = {"IMAGE_FETCH": "on-demand"}
        service = await self.start(self.settings | keys | fetch, healthy=True)
        self.assertTrue((await self.get(service, self.full_iso())).body == expected)
        [image] = await self.status(service)
        self.assertEqual(image["on_demand"]["bytes_fetched"], len(noisy_image()))

    async def test_who_may_not_read_it(self) -> None:
        wrong = {"S3_ACCESS_KEY": ACCESS_KEY, "S3_SECRET_KEY": "not-the-secret-at-all"}
        for keys in (wrong, {}):
            service = await self.start(self.settings | keys | {"IMAGE_FETCH": "on-demand"})
            await self.until_states(service, "failed")
            self.assertIn("403 Forbidden", events_of(service, "1")[-1]["reason"])
