"""What cases do that look at pages in a browser."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from httpd.http1.connections import Connections
from tests.browser.browser import Browser, shared_browser


class LookingCase(TestCase):
    """
    Cases that look at pages, which they serve at a port.

    @ivar connections: the browser's.
    """

    timeout = 120
    port: int
    connections: Connections

    @property
    def browser(self) -> Browser:
        return shared_browser()

    def leave(self) -> Deferred[None]:
        """Close the page, and all connections with it: the last of a case."""

        async def close() -> None:
            await self.browser.run(self.browser.driver.get, "about:blank")
            await self.connections.drain()

        return Deferred.fromCoroutine(close())

    def page_url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def open(self, path: str = "/", **how: bool) -> None:
        await self.browser.run(lambda: self.browser.open(self.page_url(path), **how))

    async def text(self, selector: str = "body") -> str:
        return str(await self.browser.run(self.browser.text, selector))

    async def wait_for(self, said: str, selector: str = "main") -> None:
        """Until the page says it."""
        browser = self.browser
        await browser.run(browser.wait_for, lambda: said in browser.text(selector), said)

    async def check(self, name: str) -> None:
        """Keep a picture of a page, which nobody may find fault with."""
        browser = self.browser
        await browser.run(browser.shoot, name)
        self.assertEqual(await browser.run(browser.violations), [])
        self.assertEqual(await browser.run(browser.complaints), [])
        self.assertEqual(await browser.run(browser.overflow), 0)
        self.assertEqual(await browser.run(browser.asked), {f"127.0.0.1:{self.port}"})
