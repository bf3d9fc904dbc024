"""A real browser, which tests look at pages with: headless Chromium, driven by Selenium."""

from __future__ import annotations

import atexit
import base64
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from axe_core_python.selenium import Axe
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from twisted.internet.threads import deferToThread

from demo.service import ROOT
from tests.running import found_program

SHOTS = ROOT / "build" / "pages"
"""Where screenshots are kept."""

_SECONDS = 20.0
_WIDE, _NARROW = 1100, 360

_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # root has none
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)


class Browser:
    """
    One browser with one window.  All of it blocks, so tests of a service in their own reactor call
    it by L{Browser.run}.
    """

    def __init__(self) -> None:
        options = ChromeOptions()
        options.binary_location = found_program("chromium", "chromium-browser")
        for flag in _FLAGS:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = Chrome(options, Service(found_program("chromedriver")))
        self._axe = Axe()

    def quit(self) -> None:
        """End it."""
        self.driver.quit()

    async def run(self, look: Callable[..., Any], *arguments: Any) -> Any:
        """Do in a thread what takes this browser's time."""
        return await deferToThread(look, *arguments)

    def open(
        self, url: str, *, narrow: bool = False, dark: bool = False, script: bool = True
    ) -> None:
        """
        Load a page, and forget what the one before has logged.

        @param narrow: as wide as a small phone.
        @param dark: for who likes it dark.
        @param script: whether scripts run.
        """
        self.command("Emulation.setScriptExecutionDisabled", value=not script)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=_NARROW if narrow else _WIDE,
            height=800,
            deviceScaleFactor=1,
            mobile=narrow,
        )
        self.driver.get("about:blank")
        for log in ("browser", "performance"):
            self.driver.get_log(log)
        self.driver.get(url)

    def command(self, name: str, **parameters: Any) -> Any:
        """One of the Chrome DevTools Protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def shoot(self, name: str) -> None:
        """Keep a picture of the whole page."""
        shot = self.command("Page.captureScreenshot", captureBeyondViewport=True)
        SHOTS.mkdir(parents=True, exist_ok=True)
        (SHOTS / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))

    def complaints(self) -> list[str]:
        """What the browser has logged: violations of the policy, failed requests."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def asked(self) -> set[str]:
        """The hosts, with their ports, that the page has had requests sent to."""
        urls = set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.add(message["params"]["request"]["url"])
        return {urlsplit(url).netloc for url in urls if url.startswith(("http:", "https:", "ws"))}

    def violations(self) -> list[str]:
        """What axe-core finds wrong for people who see, hear or move otherwise."""
        found = self._axe.run(self.driver)["violations"]
        return [
            f"{one['id']}: {one['help']}: {[node['html'] for node in one['nodes']]}"
            for one in found
        ]

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.driver.execute_script(wide))

    def text(self, selector: str = "body") -> str:
        """What can be read in an element."""
        read = "return document.querySelector(arguments[0]).innerText"
        return str(self.driver.execute_script(read, selector))

    def elements(self, selector: str) -> Sequence[WebElement]:
        """The elements that a selector finds."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def wait_for(self, done: Callable[[], object], what: str) -> None:
        """
        Wait until something is so.

        @raise TimeoutException: it does not become so.
        """

        def is_done(_: object) -> bool:
            with suppress(Exception):  # an element may be replaced while it is looked at
                return bool(done())
            return False

        WebDriverWait(self.driver, _SECONDS, 0.05).until(is_done, what)

    def press(self, *keys: str) -> None:
        """Press keys, where the focus is."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(getattr(Keys, key))

    def outline(self) -> str:
        """The style of what is around the element that has the focus."""
        return self.driver.switch_to.active_element.value_of_css_property("outline-style")

    def focused(self) -> str:
        """What is said of the element that has the focus."""
        said = (
            "const e = document.activeElement; return e.getAttribute('aria-label') || e.innerText"
        )
        return str(self.driver.execute_script(said))


@cache
def shared_browser() -> Browser:
    """The one that all tests of a process use; it ends with the process."""
    browser = Browser()
    atexit.register(browser.quit)
    return browser
