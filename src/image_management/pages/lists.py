"""The pages of all records of a kind, some at a time, the newest first."""

from __future__ import annotations

import re
from collections.abc import Sequence

from twisted.web.template import Tag, tags

from httpd.pages.figures import count
from httpd.pages.shell import Shell
from httpd.texts import quoted
from httpd.web.answered import Reply
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from image_management.pages.drawings import draw_rows
from image_management.pages.job_drawings import words
from image_management.pages.overview import artifact_views
from image_management.pages.sizes import ArtifactSizes
from image_management.pages.views import ArtifactView, JobView, job_view
from image_management.records.kinds import Kind
from image_management.records.record import Record
from image_management.store.store import Store

ON_A_PAGE = 50

_PLACE = re.compile(r"[1-9][0-9]{0,17}")


class RecordList:
    """C{/page/images}, C{/page/deleted/images} and others."""

    def __init__(
        self,
        shell: Shell,
        kind: Kind,
        store: Store,
        sizes: ArtifactSizes,
        *,
        deleted: bool = False,
    ) -> None:
        """
        @param deleted: whether it is those that were deleted.
        """
        self._shell = shell
        self._kind = kind
        self._store = store
        self._sizes = sizes
        self._deleted = deleted

    async def reply(self, request: ServiceRequest) -> Reply:
        """
        Some of them.

        @raise Problem: 400, there is no such place to begin at.
        """
        before = _before(request)
        counts = await self._store.counts()
        newest = await self._store.newest(
            self._kind, deleted=self._deleted, limit=ON_A_PAGE, before=before
        )
        root = "../../" if self._deleted else "../"
        title = words(f"{'deleted ' if self._deleted else ''}{self._kind}")
        total = count(counts.get((self._kind, self._deleted), 0))
        return await self._shell.reply(
            title,
            tags.h1(title),
            tags.p(f"{total} in all, the newest first.", class_="lead"),
            tags.section(
                tags.h2("Records", class_="unseen"),
                draw_rows(await self._views(newest.records), root),
            ),
            _pages(before, newest.rest),
            root=root,
        )

    async def _views(self, records: Sequence[Record]) -> Sequence[JobView | ArtifactView]:
        if self._kind is Kind.JOB:
            return [*map(job_view, records)]
        return await artifact_views(records, self._sizes)


def _before(request: ServiceRequest) -> int | None:
    [text, *others] = (request.args or {}).get(b"before", [b""])
    if not text and not others:
        return None
    said = text.decode("utf-8", "replace")
    if others or not _PLACE.fullmatch(said):
        raise Problem(400, f"invalid value for parameter 'before': {quoted(said)} is no place")
    return int(said)


def _pages(before: int | None, rest: int | None) -> Tag:
    """The way to the pages beside this one."""
    links = []
    if before is not None:
        links.append(tags.a("Newest", href="?"))
    if rest is not None:
        links.append(tags.a("Older", href=f"?before={rest}", rel="next"))
    if not links:
        return tags.transparent()
    return tags.nav(links, class_="pages", **{"aria-label": "Pages"})
