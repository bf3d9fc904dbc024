"""Records and their objects over HTTP: links, soft delete and its way back, hard delete."""

from __future__ import annotations

import json
from typing import Any

from tests.httpd.web.serving import Collecting, parsed
from tests.image_management.routes.test_records import BASES, INPUTS, UNDELETE
from tests.image_management.service import NOBODY, Ims, ServiceTestCase, json_of

ROOT = "application/vnd.cray.image.rootfs.squashfs"


def manifest_of(*artifacts: Any, version: object = "1.0") -> bytes:
    return json.dumps({"version": version, "artifacts": artifacts}).encode()


class LinkTests(ServiceTestCase):
    """Setting a link, by making a record or by changing it."""

    async def set_link(self, ims: Ims, link: Any, status: int, text: str = "") -> None:
        """Try to set one of an image in each way."""
        before = await ims.lists("/images")
        answer = await ims.ask("POST", "/images", {"name": "x", "link": link})
        self.assert_problem(answer, status, text)
        self.assertEqual(await ims.lists("/images"), before)
        image = await ims.make("/images", name="x")
        path = f"/v3/images/{image['id']}"
        answer = await ims.ask("PATCH", path, {"link": link, "arch": "aarch64"})
        self.assert_problem(answer, status, text)
        self.assertEqual(await ims.get(path), image)

    async def test_set_once(self) -> None:
        """The same again is fine, with an etag or without; another is not."""
        ims = await self.start()
        link, other = ims.put_image("one"), ims.put_image("other")
        for base in BASES:
            image = await ims.make(f"{base}/images", name="x", link=None)
            path = f"{base}/images/{image['id']}"
            for etag, shown in (({"etag": link["etag"]}, link), ({"etag": ""}, link), ({}, link)):
                given = {"path": link["path"], "type": "s3", **etag}
                answer = json_of(await ims.ask("PATCH", path, {"link": given}))
                self.assertEqual(answer, {**image, "link": shown})
            for another in (other, {**link, "etag": "0" * 32}):
                patch = {"link": another, "arch": "aarch64"}
                self.assert_problem(await ims.ask("PATCH", path, patch), 409, link["path"])
            self.assertEqual(await ims.get(path), {**image, "link": link})
            self.assert_nothing(await ims.ask("DELETE", f"/images/{image['id']}?cascade=false"))

    async def test_without_etag(self) -> None:
        """It is filled in, empty, and any is the same."""
        ims = await self.start()
        link = ims.put_image("one")
        given = {"path": link["path"], "type": "s3"}
        image = await ims.make("/images", name="x", link=given)
        self.assertEqual(image["link"], {**given, "etag": ""})
        answer = await ims.ask("PATCH", f"/images/{image['id']}", {"link": link})
        self.assertEqual(json_of(answer)["link"], {**given, "etag": ""})

    async def test_one_holder(self) -> None:
        """Of the records of a kind that are there."""
        ims = await self.start()
        link = ims.put_image("one")
        first = await ims.make("/images", name="x", link=link)
        await self.set_link(ims, link, 422, link["path"])
        recipe = await ims.make("/recipes", **INPUTS["recipes"], link=link)
        self.assertEqual(recipe["link"], link)
        self.assert_nothing(await ims.ask("DELETE", f"/images/{first['id']}?cascade=no"))
        self.assertEqual((await ims.make("/v3/images", name="y", link=link))["link"], link)

    async def test_refused(self) -> None:
        ims = await self.start({"MAX_IMAGE_MANIFEST_SIZE_BYTES": "2000"})
        root = {"type": ROOT, "link": ims.put("root", b"hsqs")}
        kernel = {"type": "application/vnd.cray.image.kernel", "link": ims.put("kernel", b"k")}
        gone = {"path": "s3://boot-images/gone", "etag": "", "type": "s3"}
        await self.set_link(ims, gone, 422, "s3://boot-images/gone")
        await self.set_link(ims, {**gone, "path": "s3://no-bucket/gone"}, 422, "s3://no-bucket")
        for number, (data, status, text) in enumerate(
            (
                (b"{", 422, "JSON"),
                (b"\xff", 422, "JSON"),
                (b"[]", 422, "JSON"),
                (b"{}", 422, "artifacts"),
                (manifest_of(root, version="2.0"), 422, "version"),
                (manifest_of(root, version=1.0), 422, "version"),
                (manifest_of(root, 1), 422, "artifact 1"),
                (manifest_of(root, {"type": "x"}), 422, "link"),
                (manifest_of(root, {"link": root["link"]}), 422, "type"),
                (manifest_of({"type": ROOT, "link": gone}), 422, "s3://boot-images/gone"),
                (manifest_of(root, {"type": "x", "link": {**gone, "type": "http"}}), 422, "type"),
                (manifest_of(kernel), 400, "no artifacts"),
                (manifest_of(), 400, "no artifacts"),
                (manifest_of(root, root), 400, "2 artifacts"),
                (manifest_of(root) + b" " * 2000, 400, "too large"),
            )
        ):
            await self.set_link(ims, ims.put(f"{number}/manifest.json", data), status, text)
        fine = ims.put("manifest.json", manifest_of(root, kernel))
        self.assertEqual((await ims.make("/images", name="x", link=fine))["link"], fine)
        other_etag = {**ims.put("other.json", manifest_of(root)), "etag": "0" * 32}
        self.assertEqual((await ims.make("/images", name="x", link=other_etag))["link"], other_etag)

    async def test_s3_away(self) -> None:
        """Nothing is changed, and nothing is told that S3's keys or addresses would be."""
        ims = await self.start()
        link = ims.put_image("one")
        image = await ims.make("/images", name="x", link=link)
        await ims.s3.kill()
        await self.set_link(
            ims, {**link, "path": "s3://boot-images/two"}, 502, "HEAD of the object"
        )
        path = f"/v3/images/{image['id']}"
        self.assert_problem(await ims.ask("DELETE", path), 502)
        problem = self.assert_problem(await ims.ask("DELETE", "/v3/images"), 502)
        self.assertIn(image["id"], problem["errors"])
        self.assertEqual(await ims.get(path), image)
        await ims.s3.start()
        self.assert_nothing(await ims.ask("DELETE", path))


class MoveTests(ServiceTestCase):
    """Where the objects are."""

    async def test_hard_delete(self) -> None:
        """The artifacts go, where nothing else is said."""
        ims = await self.start()
        for query, left in {
            "": (),
            "?cascade=true": (),
            "?cascade=Yes": (),
            "?cascade=false": ("one/kernel", "one/manifest.json", "one/rootfs"),
            "?cascade=2": ("one/kernel", "one/manifest.json", "one/rootfs"),
        }.items():
            image = await ims.make("/images", name="x", link=ims.put_image("one", kernel=b"k"))
            self.assert_nothing(await ims.ask("DELETE", f"/images/{image['id']}{query}"))
            self.assertEqual(ims.keys(), set(left), query)
        self.assert_problem(await ims.ask("DELETE", "/images/x?cascade=1&cascade=0"), 404)

    async def test_there_and_back(self) -> None:
        ims = await self.start()
        link = ims.put_image("one", kernel=b"k", initrd=b"i")
        keys = ims.keys()
        image = await ims.make("/images", name="x", link=link)
        recipe_link = ims.put("recipe.tgz", b"recipe", bucket="ims")
        recipe = await ims.make("/recipes", **INPUTS["recipes"], link=recipe_link)
        for kind, one in (("images", image), ("recipes", recipe)):
            self.assert_nothing(await ims.ask("DELETE", f"/v3/{kind}/{one['id']}"))
        self.assertEqual(ims.keys("ims"), {"deleted/recipe.tgz"})
        deleted_manifest = f"deleted/{image['id']}/deleted_manifest.json"
        self.assertEqual(ims.keys(), {deleted_manifest, *(f"deleted/{key}" for key in keys)})
        [gone] = await ims.get("/v3/deleted/images")
        self.assertEqual(gone["link"]["path"], f"s3://boot-images/{deleted_manifest}")
        for kind, one in (("images", image), ("recipes", recipe)):
            path = f"/v3/deleted/{kind}/{one['id']}"
            self.assert_nothing(await ims.ask("PATCH", path, UNDELETE))
            self.assertEqual(await ims.get(f"/v3/{kind}"), [one])
        self.assertEqual((ims.keys(), ims.keys("ims")), (keys, {"recipe.tgz"}))

    async def test_never_overwrites(self) -> None:
        ims = await self.start()
        image = await ims.make("/images", name="x", link=ims.put_image("one"))
        ims.put("deleted/one/rootfs", b"somebody's")
        self.assert_problem(
            await ims.ask("DELETE", f"/v3/images/{image['id']}"), 409, "deleted/one/rootfs"
        )
        problem = self.assert_problem(await ims.ask("DELETE", "/v3/images"), 409)
        self.assertEqual([*problem["errors"]], [image["id"]])
        self.assertEqual(await ims.get("/images"), [image])

    async def test_warnings(self) -> None:
        """What has not gone as it should have is in a field of its own."""
        ims = await self.start()
        image = await ims.make("/images", name="x", link=ims.put_image("one"))
        ims.put("one/manifest.json", b"broken")
        answer = await ims.ask("DELETE", f"/v3/images/{image['id']}")
        self.assert_nothing(answer)
        warning = answer.header("warning") or ""
        self.assertTrue(warning.startswith('299 image-management "'), warning)
        self.assertIn("manifest", warning)
        [gone] = await ims.get("/v3/deleted/images")
        self.assertEqual(gone["link"], image["link"])

    async def test_busy(self) -> None:
        """While S3 takes its time, everything else is answered, and other writes wait."""
        ims = await self.start()
        image = await ims.make("/images", name="x", link=ims.put_image("one"))
        path = f"/v3/images/{image['id']}"
        ims.s3.pause()
        client = await ims.begin(Collecting(), "DELETE", path)
        while (answer := await ims.ask("PATCH", path, {"arch": "x86_64"})).status == 200:
            pass  # it has not begun yet
        self.assert_problem(answer, 409)
        self.assertTrue(int(answer.header("retry-after") or 0))
        self.assert_problem(await ims.ask("DELETE", f"/v2/images/{image['id']}"), 409)
        self.assertEqual(await ims.get(path), image)
        self.assertEqual(await ims.get("/v3/images"), [image])
        operation = {"kind": "images", "id": image["id"], "action": "soft-delete"}
        self.assertEqual((await ims.get("/status"))["operations"], [operation])
        ims.s3.resume()
        self.assert_nothing(parsed(await client.closed))
        self.assert_problem(await ims.ask("GET", path), 404)

    async def test_goes_on_without_the_client(self) -> None:
        """A client that leaves keeps nothing from being done; its repetition joins."""
        ims = await self.start()
        images = [
            await ims.make("/images", name="x", link=ims.put_image(f"{number}", kernel=b"k"))
            for number in range(3)
        ]
        for image in images:
            await ims.ask_and_leave("DELETE", f"/v3/images/{image['id']}")
        await ims.ask("DELETE", f"/v3/images/{images[2]['id']}")
        while await ims.get("/v3/images"):
            pass  # it answers, and goes on
        self.assertEqual(
            {one["id"] for one in await ims.get("/v3/deleted/images")},
            {one["id"] for one in images},
        )
        self.assert_problem(await ims.ask("GET", f"/v3/images/{NOBODY}"), 404)
