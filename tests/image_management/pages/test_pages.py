"""The pages as they are answered."""

from __future__ import annotations

from typing import cast

from httpd.web.bearer import Bearer
from image_management.pages.lists import ON_A_PAGE
from image_management.records.kinds import Kind
from image_management.records.record import Document, Record, deleted_document
from tests.httpd.web.serving import Collecting
from tests.image_management.pages.served import KEY, ServedCase
from tests.image_management.service import ServiceTestCase


class FrontTests(ServedCase):
    async def test_nothing_yet(self) -> None:
        answer = await self.ask()
        self.assertEqual(answer.header("content-type"), "text/html; charset=utf-8")
        self.assertEqual(answer.text.count("There are none."), 3)
        self.assertIn("The store and S3 answer.", answer.text)

    async def test_what_there_is(self) -> None:
        await self.add_image(1, "compute <b>", 30)
        await self.add_recipe(2, "sles", 40)
        await self.add(Kind.PUBLIC_KEY, 3, name="me", public_key=KEY)
        await self.add_job(4, "building_image", 5)
        text = (await self.ask()).text
        for said in (
            "compute &lt;b&gt;",
            f'href="v3/images/{self.id_of(1)}/artifacts/rootfs">Rootfs</a> 1.39 GiB',
            "1.46 GiB",
            "48.0 KiB",
            f'href="page/jobs/{self.id_of(4)}"',
            "Building image",
            "1 under way",
        ):
            self.assertIn(said, text)
        self.assert_no_secret(text)

    def assert_no_secret(self, text: str) -> None:
        for secret in (KEY, KEY.split()[1], "nobody-may-see-this", "X-Amz", "127.0.0.1"):
            self.assertNotIn(secret, text)

    async def test_sizes_are_asked_for_once(self) -> None:
        await self.add_image(1, "compute")
        await self.ask()
        asked = self.objects.asked
        for _ in range(3):
            await self.ask()
        self.assertEqual((asked, self.objects.asked), (4, 4))

    async def test_s3_is_away(self) -> None:
        await self.add_image(1, "compute")
        self.s3.state = "bucket ims: connection refused"
        text = (await self.ask()).text
        self.assertIn("S3 is away</span> bucket ims: connection refused", text)
        self.assertIn(">compute</a>", text)
        self.assertEqual(self.objects.asked, 0)

    async def test_store_is_away(self) -> None:
        await self.add_image(1, "compute")
        await self.close(self.store)
        answer = await self.ask()
        self.assertEqual(answer.status, 200)
        self.assertIn("The store is away", answer.text)
        self.assertNotIn("compute", answer.text)

    async def test_methods(self) -> None:
        head = await self.ask(method="HEAD")
        self.assertEqual((head.status, head.body), (200, b""))
        options = await self.ask(method="OPTIONS")
        self.assertEqual(options.header("allow"), "GET, HEAD, OPTIONS")


class ListTests(ServedCase):
    async def test_pages(self) -> None:
        """Newest first, and each leads to the next."""
        for number in range(ON_A_PAGE + 1):
            await self.add(Kind.IMAGE, number, name=f"image-{number}")
        first = (await self.ask("/page/images")).text
        self.assertIn("51 in all", first)
        self.assertLess(first.index("image-50<"), first.index("image-1<"))
        self.assertNotIn("image-0<", first)
        [query] = [part.partition('"')[0] for part in first.split('href="?before=')[1:]]
        second = (await self.ask(f"/page/images?before={query}")).text
        self.assertIn("image-0<", second)
        self.assertNotIn("image-1<", second)
        self.assertIn('href="?">Newest<', second)
        self.assertNotIn("Older", second)

    async def test_wrong_place(self) -> None:
        for query in ("before=x", "before=0", "before=-1", "before=1&before=2", "before=%ff"):
            answer = await self.ask(f"/page/jobs?{query}")
            self.assertEqual(answer.status, 400, query)
            self.assertIn("'before'", answer.text)

    async def test_deleted(self) -> None:
        for kind, record in (
            (Kind.IMAGE, await self.add_image(1, "compute")),
            (Kind.RECIPE, await self.add_recipe(2, "sles")),
        ):
            await self.store.move(kind, record.id, _deleted, to_deleted=True)
            text = (await self.ask(f"/page/deleted/{kind}")).text
            self.assertIn(f'href="../../v3/deleted/{kind}/{record.id}"', text)
            self.assertIn("2026-11-27 08:00 UTC", text)
            self.assertNotIn("/artifacts/", text)
            self.assertIn("There are none", (await self.ask(f"/page/{kind}")).text)
            self.assertIn(f'href="page/deleted/{kind}">1 deleted', (await self.ask()).text)


def _deleted(record: Record) -> Document:
    return deleted_document(record.document, "2026-11-27T08:00:00+00:00")


class JobPageTests(ServedCase):
    async def test_one(self) -> None:
        job = await self.add_job(
            1, "error", 90, status_reason="kiwi-ng ended with status 1: X-Amz-Signature=abc"
        )
        talk = self.talk(job)
        talk.say("== creating 2026-11-27T08:00:00+00:00\n")
        talk.say("== fetching_recipe 2026-11-27T08:00:10+00:00\nfetched\n")
        talk.say("== building_image 2026-11-27T08:00:30+00:00\n\x1b[32mINFO\x1b[0m <kiwi>\n")
        talk.say("== error 2026-11-27T08:03:50+00:00\nkiwi-ng ended", last=True)
        text = (await self.ask(f"/page/jobs/{job.id}")).text
        for said in ("3 min 20 s", "INFO &lt;kiwi&gt;", "kiwi-ng ended with status 1", "failed"):
            self.assertIn(said, text)
        self.assertNotIn("abc", text)
        self.assertEqual(talk.readers, 0)

    async def test_no_log(self) -> None:
        job = await self.add_job(1, "success")
        self.assertIn("There is no log", (await self.ask(f"/page/jobs/{job.id}")).text)

    async def test_not_there(self) -> None:
        answer = await self.ask(f"/page/jobs/{self.id_of(7)}")
        self.assertEqual(answer.status, 404)


class RunningTests(ServiceTestCase):
    """The pages of a service that runs."""

    async def test_real(self) -> None:
        """Sizes are those of S3; who looks does not keep the service from going down."""
        ims = await self.start()
        await ims.process.wait_for(
            lambda: any("S3 answers" in line for line in ims.process.lines), "S3", None
        )
        await ims.make("/images", name="compute", link=ims.put_image("one", kernel=b"k" * 2048))
        text = (await ims.ask("GET", "/")).text
        for said in ("The store and S3 answer.", ">compute</a>", ">Kernel</a> 2.00 KiB"):
            self.assertIn(said, text)
        page = await ims.begin(Collecting(), "GET", "/page/events")
        await page.begun
        self.assertIn(b"text/event-stream", page.received)

    async def test_taken_off(self) -> None:
        ims = await self.start({"SERVE_PAGE": "false"})
        for path in ("/", "/page/images", "/page/page.css", "/page/events"):
            self.assert_problem(await ims.ask("GET", path), 404)


class TokenTests(ServedCase):
    """Where tokens are asked for, the page has what anybody may know."""

    bearer = cast(Bearer, object())

    async def test_no_record(self) -> None:
        job = await self.add_job(1, "waiting_on_user", job_type="customize")
        await self.add_image(2, "compute")
        text = (await self.ask()).text
        self.assertIn("The store and S3 answer.", text)
        for hidden in ("compute", "Jobs", job.id, "page/images"):
            self.assertNotIn(hidden, text)
        for path in (
            "page/images",
            "page/jobs",
            f"page/jobs/{job.id}",
            f"page/jobs/{job.id}/events",
        ):
            self.assertEqual((await self.ask(f"/{path}")).status, 404, path)


class PrefixTests(ServedCase):
    path_prefix = "/apis/ims"

    async def test_below(self) -> None:
        """Every link is relative, and so is good there, too."""
        await self.add_image(1, "compute")
        text = (await self.ask("/apis/ims/")).text
        self.assertIn('href="v3/images/', text)
        self.assertNotIn('="/', text)
        entrance = await self.ask("/apis/ims")
        self.assertEqual((entrance.status, entrance.header("location")), (308, "ims/"))
        self.assertEqual((await self.ask("/apis/ims/page/images")).status, 200)
        self.assertEqual((await self.ask("/apis/ims/page/page.css")).status, 200)
