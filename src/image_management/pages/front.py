"""The front page, C{/}."""

from __future__ import annotations

from dataclasses import replace

from twisted.web.template import tags

from httpd.pages.parts import Part, Parts, placed
from httpd.pages.shell import Shell
from httpd.web.answered import Reply
from httpd.web.request import ServiceRequest
from image_management.pages.drawings import (
    Section,
    draw_activity,
    draw_figures,
    draw_section,
    draw_summary,
)
from image_management.pages.overview import Overview, Records, ServiceView
from image_management.records.kinds import Kind
from image_management.store.errors import StoreUnavailable

_LEAD = (
    "Recipes, and the images that are built of them, customised and booted from. Records are kept"
    " here, and artifacts in S3."
)

_HIDDEN = (
    "Whoever asks for records needs a bearer token here, which a browser does not send by itself:"
    " this page has none of them."
)


class FrontPage:
    """What the service is, has and does."""

    def __init__(self, shell: Shell, overview: Overview, *, is_open: bool) -> None:
        """
        @param is_open: whether anybody may see the records.
        """
        self._shell = shell
        self._overview = overview
        self._is_open = is_open

    async def parts(self) -> Parts:
        """The live parts, as they are now."""
        service = await self._overview.service()
        records = None
        if self._is_open and not service.store:
            try:
                records = await self._overview.records()
            except StoreUnavailable as error:
                service = ServiceView(str(error), service.s3)
        return {
            "summary": Part(service, draw_summary),
            **({} if records is None else _of_records(records)),
            "activity": Part(self._overview.downloads(), draw_activity),
        }

    async def reply(self, request: ServiceRequest) -> Reply:
        """The page, as everything is now."""
        parts = await self.parts()
        hero = tags.div(
            tags.h1("Images that machines boot"),
            tags.p(_LEAD, class_="lead"),
            placed(parts, "summary", tags.div(role="status", class_="summary")),
            "" if self._is_open else tags.p(_HIDDEN, class_="quiet"),
        )
        sections = [placed(parts, name, tags.section()) for name in parts if name != "summary"]
        return await self._shell.reply("", hero, *sections, live=parts)


async def with_slash(request: ServiceRequest) -> Reply:
    """Lead from a path to the same with a slash, from which the page's relative links are good."""
    return Reply(status=308, headers={"Location": f"{request.path_parts[-1]}/"})


def _of_records(records: Records) -> Parts:
    return {
        "figures": Part(replace(records, jobs=(), images=(), recipes=()), draw_figures),
        **{
            kind.value: Part(Section(kind, records.count(kind), shown), draw_section)
            for kind, shown in (
                (Kind.JOB, records.jobs),
                (Kind.IMAGE, records.images),
                (Kind.RECIPE, records.recipes),
            )
        },
    }
