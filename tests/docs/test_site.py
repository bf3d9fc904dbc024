"""The site that C{make docs} makes of C{docs/}."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from twisted.trial.unittest import SynchronousTestCase

from demo.service import ROOT
from tests.docs.site import built

_DOCS = ROOT / "docs"

_STYLE_URL = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")

_LOADED = {("a", "href"): False, ("link", "href"): True}
"""Whether an attribute is fetched by itself, which every C{src} and C{srcset} is."""


class SiteTests(SynchronousTestCase):
    """Built once, strictly: a link that leads nowhere is an error of mkdocs."""

    site: Path

    def setUp(self) -> None:
        if not hasattr(SiteTests, "site"):
            SiteTests.site = built(ROOT / "mkdocs.yml", Path(self.mktemp()).resolve())

    def test_every_page_is_there_and_in_the_navigation(self) -> None:
        pages = {str(page.relative_to(_DOCS).with_suffix(".html")) for page in _DOCS.rglob("*.md")}
        linked = {link for link, loaded in _links(self.site / "index.html") if not loaded}
        self.assertEqual(pages - linked - {"index.html"}, set())
        self.assertEqual([page for page in pages if not (self.site / page).is_file()], [])

    def test_sections_come_in_the_order_in_which_they_are_met(self) -> None:
        text = (self.site / "index.html").read_text("utf-8")
        places = [
            text.index(f'href="{folder}/', text.index("md-nav"))
            for folder in ("tutorials", "how-to", "reference", "explanation")
            if any((_DOCS / folder).glob("*.md"))
        ]
        self.assertEqual(places, sorted(places))

    def test_nothing_is_loaded_from_another_host(self) -> None:
        elsewhere = [
            f"{place.relative_to(self.site)}: {url}"
            for place in self.site.rglob("*")
            for url, loaded in _links(place)
            if loaded and urlsplit(url).netloc
        ]
        self.assertEqual(elsewhere, [])

    def test_every_link_within_the_site_leads_to_a_file(self) -> None:
        broken = [
            f"{page.relative_to(self.site)}: {url}"
            for page in self.site.rglob("*.html")
            if page.name != "404.html"  # which may be answered anywhere
            for url, _ in _links(page)
            if not urlsplit(url).scheme and not _leads_to_a_file(page, url)
        ]
        self.assertEqual(broken, [])

    def test_files_of_the_repository_are_brought_along(self) -> None:
        page = self.site / "how-to" / "jobs.html"
        wanted = "repository/demo/image_management/sample_recipe/config.xml.txt"
        self.assertIn(f"../{wanted}", [url for url, _ in _links(page)])
        source = ROOT / "demo/image_management/sample_recipe/config.xml"
        self.assertEqual((self.site / wanted).read_bytes(), source.read_bytes())

    def test_so_are_folders(self) -> None:
        found = [url for url, _ in _links(self.site / "repository/deploy/podman/index.html")]
        files = sorted(place.name for place in (ROOT / "deploy/podman").iterdir())
        self.assertEqual(found, [f"{name}.txt" for name in files])


class StrictnessTests(SynchronousTestCase):
    """What is wrong in a page ends the build."""

    def test_links_and_anchors_that_are_not_there(self) -> None:
        folder = Path(self.mktemp()).resolve()
        (folder / "docs").mkdir(parents=True)
        configuration = folder / "mkdocs.yml"
        text = (ROOT / "mkdocs.yml").read_text("utf-8")
        configuration.write_text(text.replace("[tests/", f"[{ROOT}/tests/"), "utf-8")
        for link in ("none.md", "#none", "../none.py", "/none.md"):
            (folder / "docs/index.md").write_text(f"# Page\n\n[link]({link})\n")
            with self.assertRaises(AssertionError) as caught:
                built(configuration, folder / "site")
            self.assertIn(link, str(caught.exception))


def _links(place: Path) -> Iterator[tuple[str, bool]]:
    """The addresses in a page or a style sheet, and whether a browser fetches each by itself."""
    if place.suffix == ".css":
        for found in _STYLE_URL.findall(place.read_text("utf-8")):
            yield "".join(found), True
    elif place.suffix == ".html":
        reading = _Reading()
        reading.feed(place.read_text("utf-8"))
        yield from reading.found


class _Reading(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # A canonical address would be told, not fetched.
        told = ("rel", "canonical") in attrs
        for name, value in attrs:
            if value and (name in {"src", "srcset", "poster", "data"} or (tag, name) in _LOADED):
                self.found.append((value, _LOADED.get((tag, name), True) and not told))


def _leads_to_a_file(page: Path, url: str) -> bool:
    path = unquote(urlsplit(url).path)
    return not path or (page.parent / path).resolve().is_file()
