"""The site as a browser shows it, off a disk."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from demo.service import ROOT
from tests.browser.browser import Browser, shared_browser
from tests.docs.site import built

_PAGES = ("index", "tutorials/first-boot", "reference/http-api")

_OF_THE_THEME = ("landmark-unique", "scrollable-region-focusable")
"""What axe-core finds in the theme's blocks of code."""


class BrowserTests(SynchronousTestCase):
    def test_light_and_dark_and_narrow(self) -> None:
        """It asks no host, fits, and can be read by everybody."""
        site = built(ROOT / "mkdocs.yml", Path(self.mktemp()).resolve())
        browser = shared_browser()
        for page in _PAGES:
            for look in ({}, {"dark": True}, {"narrow": True}):
                browser.open((site / f"{page}.html").as_uri(), **look)
                browser.shoot(f"site-{page.replace('/', '-')}-{'-'.join(look) or 'light'}")
                self.assertEqual((browser.asked(), browser.complaints()), (set(), []), page)
                self.assertEqual(browser.overflow(), 0, page)
                self.assertEqual(_violations(browser), [], (page, look))


def _violations(browser: Browser) -> list[str]:
    return [said for said in browser.violations() if not said.startswith(_OF_THE_THEME)]
