"""An image's artifacts, as a machine that boots of them asks for them."""

from __future__ import annotations

import random

from tests.image_management.routes.test_records import UNDELETE
from tests.image_management.service import NOBODY, ServiceTestCase, Unhurried

LONG = random.Random(14).randbytes(20 * 1024 * 1024 + 1)

NAMES = "rootfs", "kernel", "initrd", "boot_parameters"


class ArtifactTests(ServiceTestCase):
    async def test_bytes(self) -> None:
        """All of them, or those that are asked for."""
        ims = await self.start()
        artifacts = {"rootfs": b"root", "kernel": LONG, "initrd": b"", "boot_parameters": b"quiet"}
        image = await ims.make("/images", name="x", link=ims.put_image("one", **artifacts))
        path = f"/v3/images/{image['id']}/artifacts"
        for name, data in artifacts.items():
            got = await ims.ask("GET", f"{path}/{name}")
            head = await ims.ask("HEAD", f"{path}/{name}")
            self.assertEqual((got.status, head.status), (200, 200), got.body[:200])
            self.assertTrue(got.body == data, name)
            self.assertEqual(head.body, b"")
            for field in ("content-length", "content-type", "etag", "accept-ranges"):
                self.assertEqual(got.header(field), head.header(field))
            self.assertEqual(got.header("content-length"), str(len(data)))
        kernel = f"{path}/kernel"
        etag = (await ims.ask("HEAD", kernel)).header("etag")
        assert etag is not None
        for first, last in ((0, 0), (1, 70_000), (len(LONG) - 5, len(LONG) - 1)):
            part = await ims.ask("GET", kernel, headers={"Range": f"bytes={first}-{last}"})
            self.assertEqual(part.status, 206)
            self.assertTrue(part.body == LONG[first : last + 1])
            self.assertEqual(part.header("content-range"), f"bytes {first}-{last}/{len(LONG)}")
        several = await ims.ask("GET", kernel, headers={"Range": "bytes=0-9,-9"})
        self.assertEqual(several.status, 206)
        self.assertIn(LONG[:10], several.body)
        self.assertIn(LONG[-9:], several.body)
        for field, value, status in (
            ("Range", f"bytes={len(LONG)}-", 416),
            ("If-None-Match", etag, 304),
            ("If-Match", '"other"', 412),
        ):
            answer = await ims.ask("GET", kernel, headers={field: value})
            self.assertEqual(answer.status, status)
        changed = {"Range": "bytes=0-0", "If-Range": '"other"'}
        self.assertEqual((await ims.ask("GET", kernel, headers=changed)).status, 200)
        # Another object at the same place is another representation.
        ims.put("one/kernel", b"new")
        answer = await ims.ask("GET", kernel)
        self.assertEqual(answer.body, b"new")
        self.assertNotEqual(answer.header("etag"), etag)

    async def test_not_there(self) -> None:
        """No image, none with a link, no such artifact, deleted, not in S3."""
        ims = await self.start()
        bare = await ims.make("/images", name="x")
        image = await ims.make("/images", name="x", link=ims.put_image("one", kernel=b"k"))
        path = f"/v3/images/{image['id']}"
        for missing, text in {
            f"/v3/images/{NOBODY}/artifacts/rootfs": NOBODY,
            f"/v3/images/{bare['id']}/artifacts/rootfs": "no link",
            f"{path}/artifacts/initrd": "no initrd",
            f"{path}/artifacts/manifest": "rootfs, kernel, initrd, boot_parameters",
        }.items():
            self.assert_problem(await ims.ask("GET", missing), 404, text)
        kernel = f"{path}/artifacts/kernel"
        self.assertEqual((await ims.ask("GET", kernel)).body, b"k")
        self.assert_nothing(await ims.ask("DELETE", path))
        self.assert_problem(await ims.ask("GET", kernel), 404)
        self.assert_nothing(await ims.ask("PATCH", f"/v3/deleted/images/{image['id']}", UNDELETE))
        self.assertEqual((await ims.ask("GET", kernel)).body, b"k")
        ims.s3.client().delete_object(Bucket="boot-images", Key="one/kernel")
        self.assert_problem(await ims.ask("GET", kernel), 404, "not in S3")
        ims.put("one/kernel", b"again")
        self.assertEqual((await ims.ask("GET", kernel)).body, b"again")
        await ims.s3.kill()
        self.assert_problem(await ims.ask("GET", kernel), 502)
        self.assert_problem(await ims.ask("GET", f"{path}/artifacts/rootfs"), 502)

    async def test_without_etag(self) -> None:
        """A link that says none means what is there now."""
        ims = await self.start()
        link = ims.put_image("one", kernel=b"k") | {"etag": ""}
        image = await ims.make("/images", name="x", link=link)
        path = f"/v3/images/{image['id']}/artifacts"
        self.assertEqual((await ims.ask("GET", f"{path}/kernel")).body, b"k")
        self.assert_problem(await ims.ask("GET", f"{path}/initrd"), 404)
        ims.put_image("one", initrd=b"i")
        self.assertEqual((await ims.ask("GET", f"{path}/initrd")).body, b"i")
        self.assert_problem(await ims.ask("GET", f"{path}/kernel"), 404)

    async def test_cut_in_the_middle(self) -> None:
        """What has begun and cannot go on is cut: nobody takes a part for the whole."""
        ims = await self.start()
        image = await ims.make("/images", name="x", link=ims.put_image("one", kernel=LONG * 4))
        path = f"/v3/images/{image['id']}/artifacts/kernel"
        client = await ims.begin(Unhurried(), "GET", path)
        await client.begun
        await ims.s3.kill()
        client.go_on()
        received = await client.closed
        self.assertTrue(received.startswith(b"HTTP/1.1 200 "))
        self.assertLess(len(received), 4 * len(LONG))
        self.assertEqual((await ims.ask("GET", "/healthz/live")).status, 200)
