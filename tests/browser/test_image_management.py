"""The pages of image-management in a browser, in every state."""

from __future__ import annotations

import re
from typing import cast

from httpd.web.bearer import Bearer
from image_management.pages.lists import ON_A_PAGE
from image_management.records.kinds import Kind
from image_management.records.record import Record
from image_management.values import time_text
from tests.browser.looking import LookingCase
from tests.image_management.pages.served import KEY, ServedCase

_AGO = re.compile(r"\d+ (?:s|min)(?: ago)?|\d{4}-\d\d-\d\d \d\d:\d\d UTC")
REASON = "kiwi-ng ended with status 1: [ ERROR ]: Failed to install packages: dracut-ims not found"


class PageCase(ServedCase, LookingCase):
    """Cases with pages that are looked at."""

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.leave)


class FrontPageTests(PageCase):
    async def fill(self) -> None:
        """Some of everything."""
        for number, name in enumerate(
            ("sles15-sp5-compute", "sles15-sp5-uan", "debian12-login", "gpu-driver-test")
        ):
            await self.add_recipe(10 + number, name, 4000 - 300 * number)
        for number, name in enumerate(
            ("compute-sles15-sp5-base", "uan-2.6.0", "compute-sles15-sp5-cfs-configured")
        ):
            await self.add_image(20 + number, name, 2000 - 600 * number)
        await self.add_image(23, "login-arm", 200, arch="aarch64")
        await self.add_image(24, "being-uploaded", 3, linked=False)
        await self.add(Kind.PUBLIC_KEY, 30, name="me", public_key=KEY)
        for number in range(3):
            await self.add(Kind.REMOTE_BUILD_NODE, 0, xname=f"x3000c0s{number}b0n0")

    async def add_jobs(self) -> None:
        """One in each state."""
        await self.add_job(1, "success", 3000, resultant_image_id=self.id_of(20))
        await self.add_job(2, "error", 240, status_reason=REASON)
        for number, status in enumerate(("creating", "fetching_recipe", "waiting_for_repos")):
            await self.add_job(3 + number, status, 30 - number)
        await self.add_job(6, "building_image", 22, remote_build_node="x3000c0s1b0n0")
        await self.add_job(7, "packaging_artifacts", 41)
        await self.add_job(8, "fetching_image", 2, job_type="customize")
        await self.add_job(9, "waiting_on_user", 55, job_type="customize")

    async def test_none(self) -> None:
        await self.open()
        self.assertIn("There are none.", await self.text())
        await self.check("ims-none")

    async def test_some(self) -> None:
        await self.fill()
        await self.add_job(1, "success", 3000)
        await self.add_job(2, "error", 240, status_reason=REASON)
        await self.add_job(6, "building_image", 22)
        await self.add_job(9, "waiting_on_user", 55, job_type="customize")
        await self.open()
        text = await self.text()
        for said in ("2 under way", "Failed to install packages", "ssh -p 2031 root@ims.example"):
            self.assertIn(said, text)
        await self.check("ims-some")
        await self.open(dark=True)
        await self.check("ims-some-dark")
        await self.open(narrow=True)
        await self.check("ims-some-narrow")

    async def test_jobs(self) -> None:
        """In every stage."""
        await self.add_jobs()
        await self.open()
        text = await self.text("#jobs")
        for said in ("Creating", "Fetching recipe", "Waiting on user", "Success", "Error"):
            self.assertIn(said, text)
        current = "return document.querySelectorAll('[aria-current=step]').length"
        browser = self.browser
        self.assertEqual(await browser.run(browser.driver.execute_script, current), 7)
        await self.check("ims-jobs")
        await self.open(narrow=True, dark=True)
        await self.check("ims-jobs-narrow-dark")

    async def test_away(self) -> None:
        await self.fill()
        self.s3.state = "bucket boot-images: S3 cannot be reached"
        await self.open()
        self.assertIn("S3 is away", await self.text())
        await self.check("ims-s3-away")

    async def test_many(self) -> None:
        """Ten thousand cost what a hundred cost: some are shown, and the way to the others."""
        for number in range(ON_A_PAGE + 2):
            await self.add_image(100 + number, f"image-{number}", 5000 - number)
        await self.open()
        self.assertIn("All 52 images", await self.text())
        await self.check("ims-many")
        await self.open("/page/images")
        await self.check("ims-list")
        browser = self.browser
        await browser.run(browser.elements("a[rel=next]")[0].click)
        await self.wait_for("image-1\n")
        self.assertNotIn("Older", await self.text())
        await self.open(browser.driver.current_url.partition(str(self.port))[2], narrow=True)
        await self.check("ims-list-older-narrow")

    async def test_becomes_another(self) -> None:
        """A job goes on, while the page is open, and without loading it again."""
        job = await self.add_job(1, "building_image", 5)
        await self.open()
        browser = self.browser
        browser.driver.execute_script("window.wasHere = true")
        await self.change(job, status="packaging_artifacts")
        await self.wait_for("Packaging artifacts", "[aria-current=step]")
        await self.change(job, status="success", resultant_image_id=self.id_of(2))
        await self.wait_for("Success")
        self.assertTrue(await browser.run(browser.driver.execute_script, "return window.wasHere"))
        self.assertIn("kept up to date", await self.text("footer"))
        self.assertEqual(await browser.run(browser.complaints), [])

    async def test_copies_what_came_with_the_news(self) -> None:
        """The button of a part that was drawn anew works as that of one that was there."""
        job = await self.add_job(9, "fetching_image", 5, job_type="customize")
        await self.open()
        [container] = job.document["ssh_containers"]
        active = [{**container, "status": "active"}]
        await self.change(job, status="waiting_on_user", ssh_containers=active)
        await self.wait_for("ssh -p 2031")
        browser = self.browser
        await browser.run(browser.elements("button[data-copies]")[0].click)
        await self.wait_for("Copied")

    async def test_without_script(self) -> None:
        """It says the same, but for how long ago something was; and no button does nothing."""
        await self.fill()
        await self.add_jobs()
        await self.open()
        with_script = _AGO.sub("", (await self.text("main")).replace("\nCopy", ""))
        await self.open(script=False)
        self.assertEqual(_AGO.sub("", await self.text("main")), with_script)
        self.assertIn("Load it again", await self.text("footer"))

    async def test_by_keyboard(self) -> None:
        await self.open()
        browser = self.browser

        def steps() -> list[str]:
            seen = []
            for _ in range(6):
                browser.press("TAB")
                seen.append(browser.focused())
            return seen

        self.assertEqual(
            await browser.run(steps),
            ["Skip to the content", "image-management", *("Status", "Metrics", "Health", "API")],
        )


class JobPageTests(PageCase):
    async def building(self) -> Record:
        job = await self.add_job(6, "building_image", 12)
        self.say(job, "creating", 12, "")
        self.say(job, "fetching_recipe", 11.8, "recipe.tar.gz: 48 KiB, unpacked\n")
        self.say(job, "waiting_for_repos", 11.6, "3 repositories answer\n")
        self.say(job, "building_image", 11.5, self.lines(400))
        return job

    def say(self, job: Record, stage: str, minutes_ago: float, text: str) -> None:
        when = time_text(self.now - 60 * minutes_ago)
        self.talk(job).say(f"== {stage} {when}\n{text}")

    def lines(self, count: int) -> str:
        return "".join(
            f"[ INFO    ]: 08:{number // 60:02}:{number % 60:02} | system: Installing package"
            f" {number} of {count}\n"
            for number in range(count)
        )

    async def test_under_way(self) -> None:
        job = await self.building()
        await self.open(f"/page/jobs/{job.id}")
        text = await self.text()
        for said in ("Building image", "12 s", "6 s", "Installing package 399 of 400"):
            self.assertIn(said, text)
        await self.check("ims-job")
        await self.open(f"/page/jobs/{job.id}", dark=True)
        await self.check("ims-job-dark")
        await self.open(f"/page/jobs/{job.id}", narrow=True)
        await self.check("ims-job-narrow")

    async def test_says_more(self) -> None:
        """Its log grows while the page is open, whose reader stays at the end."""
        job = await self.building()
        await self.open(f"/page/jobs/{job.id}")
        self.talk(job).say("and so on\n")
        await self.wait_for("and so on")
        browser = self.browser
        left = await browser.run(
            browser.driver.execute_script,
            "const log = document.getElementById('log');"
            " return log.scrollHeight - log.clientHeight - log.scrollTop",
        )
        self.assertLess(abs(left), 2)
        self.say(job, "packaging_artifacts", 0.1, "mksquashfs\n")
        await self.change(job, status="packaging_artifacts")
        await self.wait_for("Packaging artifacts", "[aria-current=step]")
        self.talk(job).say("", last=True)
        await self.change(job, status="success", resultant_image_id=self.id_of(2))
        await self.wait_for("The image that came of it")
        self.assertEqual(await browser.run(browser.complaints), [])

    async def test_nobody_looks_any_more(self) -> None:
        """Then nothing is read."""
        job = await self.building()
        await self.open(f"/page/jobs/{job.id}")
        await self.wait_for("kept up to date", "footer")
        self.assertEqual(self.talk(job).readers, 1)
        await self.leave()
        self.assertEqual(self.talk(job).readers, 0)

    async def test_failed(self) -> None:
        job = await self.building()
        await self.change(job, status="error", status_reason=f"{REASON}\nlast line of kiwi")
        self.say(job, "error", 1, REASON)
        await self.open(f"/page/jobs/{job.id}")
        self.assertIn("last line of kiwi", await self.text())
        self.assertIn("Building image", await self.text(".failed"))
        await self.check("ims-job-failed")

    async def test_of_its_user(self) -> None:
        job = await self.add_job(9, "waiting_on_user", 55, job_type="customize")
        self.say(job, "fetching_image", 55, "rootfs: 1.39 GiB\n")
        self.say(job, "waiting_on_user", 53, "")
        await self.open(f"/page/jobs/{job.id}")
        self.assertIn("ssh -p 2031 root@ims.example.com", await self.text())
        await self.check("ims-job-user")

    async def test_succeeded(self) -> None:
        job = await self.add_job(1, "success", 600, resultant_image_id=self.id_of(20))
        self.say(job, "fetching_recipe", 599, "recipe.tar.gz: 48 KiB, unpacked\n")
        self.say(job, "building_image", 598, self.lines(5))
        self.say(job, "packaging_artifacts", 560, "rootfs, kernel, initrd\n")
        self.talk(job).say("", last=True)
        await self.open(f"/page/jobs/{job.id}")
        self.assertIn("38 min", await self.text())
        await self.check("ims-job-success")

    async def test_in_a_cluster(self) -> None:
        """Its log is of containers, by their own names."""
        job = await self.add_job(6, "building_image", 12)
        self.say(job, "fetch-recipe", 12, "fetched\n")
        self.say(job, "build-ca", 11.5, "trusted\n")
        self.say(job, "build-image", 11, self.lines(3))
        await self.open(f"/page/jobs/{job.id}")
        self.assertIn("fetch-recipe 30 s", await self.text())
        await self.check("ims-job-cluster")

    async def test_deleted_meanwhile(self) -> None:
        job = await self.building()
        await self.open(f"/page/jobs/{job.id}")
        await self.store.remove(Kind.JOB, job.id)
        await self.wait_for("This job was deleted.")
        await self.check("ims-job-deleted")

    async def test_without_script(self) -> None:
        job = await self.building()
        await self.open(f"/page/jobs/{job.id}")
        with_script = _AGO.sub("", await self.text("main"))
        await self.open(f"/page/jobs/{job.id}", script=False)
        self.assertEqual(_AGO.sub("", await self.text("main")), with_script)


class TokenTests(PageCase):
    bearer = cast(Bearer, object())

    async def test_front(self) -> None:
        await self.add_image(20, "compute")
        await self.open()
        self.assertNotIn("compute", await self.text())
        await self.check("ims-tokens")
