"""The front page in a browser, in every state."""

from __future__ import annotations

from assisted_images.store.states import ImageState
from tests.assisted_images.pages import overviews
from tests.assisted_images.pages.written import INFRA_ENV, write_infra_env
from tests.browser.served import PageCase


class FrontPageTests(PageCase):
    async def test_preparing(self) -> None:
        self.overview = overviews.PREPARING
        await self.open()
        text = await self.text()
        for said in ("1 of 5 images are ready.", "520 MiB of 1.18 GiB", "86.0 MiB/s", "8 s left"):
            self.assertIn(said, text)
        await self.check("preparing")

    async def test_failed(self) -> None:
        self.overview = overviews.failing()
        await self.open()
        text = await self.text()
        self.assertIn("answered 503", text)
        self.assertIn("Tried again in ", text)
        await self.check("failed")

    async def test_ready(self) -> None:
        write_infra_env(self.infra_envs, INFRA_ENV, "edge-site-7")
        await self.open()
        text = await self.text()
        for said in ("All 5 images are ready.", "2.81 GiB/s", "/byid/:token", "edge-site-7"):
            self.assertIn(said, text)
        await self.check("ready")

    async def test_none(self) -> None:
        self.overview = overviews.NONE
        await self.open()
        self.assertIn("None is configured", await self.text())
        await self.check("none")

    async def test_many(self) -> None:
        self.overview = overviews.MANY
        await self.open()
        self.assertIn("All 50 images are ready.", await self.text())
        await self.check("many")

    async def test_dark(self) -> None:
        self.overview = overviews.failing()
        write_infra_env(self.infra_envs, INFRA_ENV)
        await self.open(dark=True)
        await self.check("dark")

    async def test_dark_and_preparing(self) -> None:
        self.overview = overviews.PREPARING
        await self.open(dark=True)
        await self.check("dark-preparing")

    async def test_narrow(self) -> None:
        """At 360 pixels."""
        write_infra_env(self.infra_envs, INFRA_ENV)
        await self.open(narrow=True)
        await self.check("narrow-ready")
        self.overview = overviews.failing()
        await self.open(narrow=True)
        await self.check("narrow-failed")

    async def test_becomes_ready(self) -> None:
        """While the page is open, and without loading it again."""
        image = overviews.downloading
        self.overview = overviews.overview(image())
        await self.open()
        browser = self.browser
        browser.driver.execute_script("window.wasHere = true")
        self.overview = overviews.overview(overviews.image("4.18.1"))
        await browser.run(
            browser.wait_for, lambda: "The image is ready." in browser.text(), "the news"
        )
        self.assertTrue(await browser.run(browser.driver.execute_script, "return window.wasHere"))
        self.assertIn("kept up to date", await self.text("footer"))
        self.assertEqual(await browser.run(browser.complaints), [])

    async def test_other_images(self) -> None:
        """A page that has other parts by now is loaded again."""
        await self.open()
        self.overview = overviews.overview(overviews.image("4.20.0"))
        browser = self.browser
        await browser.run(
            browser.wait_for, lambda: "The image is ready." in browser.text(), "the other page"
        )

    async def test_without_script(self) -> None:
        """It says the same, and how it is loaded again."""
        self.overview = overviews.PREPARING
        await self.open()
        with_script = await self.text("main")
        await self.open(script=False)
        self.assertEqual(await self.text("main"), with_script)
        self.assertIn("Load it again", await self.text("footer"))
        await self.browser.run(self.browser.shoot, "without-script")

    async def test_by_keyboard(self) -> None:
        """The first stop leads to the content; each that follows can be seen."""
        await self.open()
        browser = self.browser

        def steps() -> list[str]:
            seen = []
            for _ in range(5):
                browser.press("TAB")
                self.assertNotEqual(browser.outline(), "none")
                seen.append(browser.focused())
            return seen

        self.assertEqual(
            await browser.run(steps),
            ["Skip to the content", "assisted-images", "Status", "Metrics", "Health"],
        )

    async def test_focus_stays(self) -> None:
        """On a link that was drawn anew."""
        self.overview = overviews.overview(overviews.image("4.19.0"), overviews.failed())
        await self.open()
        browser = self.browser
        await browser.run(browser.driver.execute_script, "document.links[5].focus()")
        self.assertEqual(await browser.run(browser.focused), "4.17.3 arm64")
        self.overview = overviews.overview(overviews.downloading(), overviews.failed())
        await browser.run(
            browser.wait_for, lambda: "0 of 2 images are ready." in browser.text(), "the news"
        )
        self.assertEqual(await browser.run(browser.focused), "4.17.3 arm64")

    async def test_state_names(self) -> None:
        """Each has its chip."""
        self.overview = overviews.overview(
            *(overviews.image("4.18.1", state) for state in ImageState)
        )
        await self.open()
        text = await self.text(".rows")
        chips = [line for line in text.splitlines() if line.lower() in {*ImageState}]
        self.assertEqual(chips, [state.capitalize() for state in ImageState])
