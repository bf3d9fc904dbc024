"""The shell of every page: what is around its parts, and what its response says to browsers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from twisted.web.template import Tag, tags

from httpd.pages.files import PAGE_FILES
from httpd.pages.parts import hyphened, markup
from httpd.web.answered import Reply

_FIELDS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Nothing but the service's own files, nothing inline, and no other site is told of a page."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link in the head of a page."""

    href: str
    """Relative to the root of the service's pages, or a whole URL."""

    text: str


@dataclass(frozen=True, slots=True)
class Shell:
    """
    What all pages of a service have in common.

    @ivar documentation_url: where the service's documentation is, if anywhere.
    """

    service: str
    version: str
    links: Sequence[Link] = ()
    documentation_url: str | None = None

    def edition(self, parts: Iterable[str]) -> str:
        """
        What is the same as long as a page that is open can be kept up to date.

        @param parts: the ids of its live parts.
        """
        digests = [file.digest for file in PAGE_FILES.values()]
        text = "\n".join([self.service, self.version, *digests, *parts])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    async def reply(
        self,
        title: str,
        *content: Tag,
        root: str = "",
        live: Iterable[str] | None = None,
        events: str = "page/events",
    ) -> Reply:
        """
        A whole page.

        @param title: what it is about; what stands before the service's name in its title.
        @param content: what it has, in order.
        @param root: the way from it to the root of the service's pages, such as C{../}.
        @param live: the ids of its parts that are kept up to date; C{None}: there are none.
        @param events: where the events are that do so, relative to the root of the pages.
        """
        body = self._body(content, root, live=live is not None)
        page = tags.html(self._head(title, root), body, lang="en")
        if live is not None:
            page(**hyphened(data_edition=self.edition(live)))
            body(**hyphened(data_events=root + events))
        text = b"<!DOCTYPE html>\n" + await markup(page) + b"\n"
        return Reply(text, content_type="text/html; charset=utf-8", headers=_FIELDS)

    def _all_links(self) -> Sequence[Link]:
        if self.documentation_url is None:
            return self.links
        return (*self.links, Link(self.documentation_url, "Documentation"))

    def _head(self, title: str, root: str) -> Tag:
        return tags.head(
            tags.meta(charset="utf-8"),
            tags.meta(name="viewport", content="width=device-width, initial-scale=1"),
            tags.meta(name="color-scheme", content="light dark"),
            tags.title(f"{title} - {self.service}" if title else self.service),
            tags.link(rel="icon", href=f"{root}page/icon.svg", type="image/svg+xml"),
            tags.link(rel="stylesheet", href=f"{root}page/page.css"),
            tags.script(src=f"{root}page/page.js", defer=""),
        )

    def _body(self, content: tuple[Tag, ...], root: str, *, live: bool) -> Tag:
        return tags.body(
            tags.a("Skip to the content", href="#content", class_="skip"),
            tags.header(
                tags.a(self.service, href=root or "./", class_="service"),
                tags.span(self.version, class_="version"),
                tags.nav(
                    [_anchor(link, root) for link in self._all_links()],
                    **{"aria-label": "Service"},
                ),
            ),
            Tag("main")(*content, id="content", tabindex="-1"),
            tags.footer(
                tags.p(id="freshness", role="status"),
                tags.noscript(
                    tags.p(
                        "This page shows how things were when it was loaded. ",
                        tags.a("Load it again", href=""),
                    )
                )
                if live
                else "",
            ),
        )


def _anchor(link: Link, root: str) -> Tag:
    return tags.a(link.text, href=link.href if "://" in link.href else root + link.href)
