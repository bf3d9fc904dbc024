"""The pages of infra-envs in a browser."""

from __future__ import annotations

import shutil
import uuid

from tests.assisted_images.pages.written import INFRA_ENV, write_infra_env
from tests.browser.served import PageCase

_HOSTS = ("52-54-00-12-34-56", "52-54-00-12-34-57")


class InfraEnvPageTests(PageCase):
    def setUp(self) -> None:
        super().setUp()
        write_infra_env(self.infra_envs, INFRA_ENV, "edge-site-7 <lab>")
        for host in _HOSTS:
            (self.infra_envs / INFRA_ENV / "hosts" / host).mkdir(parents=True)

    async def test_page(self) -> None:
        await self.open(f"/infra-envs/{INFRA_ENV}")
        text = await self.text()
        place = f"{self.page_url()}byid/{INFRA_ENV}/418.94.202511191518-0/x86_64"
        for said in (
            "edge-site-7 <lab>",
            f"{place}/full.iso",
            f"{place}/minimal.iso",
            *(f"{place}/{host}/minimal.iso" for host in _HOSTS),
            f"chain {self.page_url()}images/{INFRA_ENV}/ipxe-script?version=418",
            "VirtualMedia.InsertMedia",
        ):
            self.assertIn(said, text)
        await self.check("infra-env")

    async def test_dark(self) -> None:
        await self.open(f"/infra-envs/{INFRA_ENV}", dark=True)
        await self.check("infra-env-dark")

    async def test_narrow(self) -> None:
        await self.open(f"/infra-envs/{INFRA_ENV}", narrow=True)
        await self.check("infra-env-narrow")

    async def test_another_image(self) -> None:
        await self.open(f"/infra-envs/{INFRA_ENV}")
        browser = self.browser
        (*_, last) = await browser.run(browser.elements, ".choices a")
        await browser.run(last.click)
        await browser.run(
            browser.wait_for, lambda: "/arm64/full.iso" in browser.text(), "the other image"
        )
        current = await self.text(".choices [aria-current]")
        self.assertEqual(current, "4.18.1 arm64")

    async def test_copied_by_keyboard(self) -> None:
        """The text is in the clipboard then."""
        await self.open(f"/infra-envs/{INFRA_ENV}")
        browser = self.browser

        def copy() -> str:
            origin = self.page_url().removesuffix("/")
            for name in ("clipboardReadWrite", "clipboardSanitizedWrite"):
                browser.command("Browser.grantPermissions", origin=origin, permissions=[name])
            for _ in range(40):
                browser.press("TAB")
                if browser.focused() == "Copy: Minimal ISO":
                    break
            browser.press("ENTER")
            browser.wait_for(lambda: "Copied" in browser.text("main"), "the button's answer")
            browser.command(
                "Browser.grantPermissions", origin=origin, permissions=["clipboardReadWrite"]
            )
            return str(
                browser.driver.execute_async_script(
                    "navigator.clipboard.readText().then(arguments[0], e => arguments[0](`${e}`))"
                )
            )

        copied = await browser.run(copy)
        self.assertTrue(copied.endswith("/minimal.iso"), copied)

    async def test_copied_without_clipboard(self) -> None:
        """Over plain HTTP a browser has none; the old way does it."""
        await self.open(f"/infra-envs/{INFRA_ENV}")
        browser = self.browser

        def copy() -> None:
            browser.driver.execute_script(
                "Object.defineProperty(navigator, 'clipboard', {value: undefined})"
            )
            browser.elements("button[data-copies]")[0].click()
            browser.wait_for(lambda: browser.text("main").count("Copied"), "the button's answer")

        await browser.run(copy)

    async def test_without_script(self) -> None:
        """All texts are there, and no button that does nothing."""
        await self.open(f"/infra-envs/{INFRA_ENV}", script=False)
        self.assertIn("/full.iso", await self.text())
        self.assertNotIn("Copy", await self.text("main"))

    async def test_thousand(self) -> None:
        """A hundred at a time; the front page shows those that were changed last."""
        for number in range(1000):
            write_infra_env(self.infra_envs, str(uuid.UUID(int=number)), f"site-{number}")
        await self.open()
        self.assertIn("All 1\u202f001 infra-envs", await self.text())
        await self.check("infra-envs-front")
        await self.open("/infra-envs?page=2")
        self.assertIn("Page 2 of 11", await self.text())
        self.assertEqual(len(await self.browser.run(self.browser.elements, ".rows li")), 100)
        await self.check("infra-envs")

    async def test_none(self) -> None:
        shutil.rmtree(self.infra_envs / INFRA_ENV)
        await self.open()
        self.assertIn("There are none yet.", await self.text())
        await self.check("no-infra-envs")
