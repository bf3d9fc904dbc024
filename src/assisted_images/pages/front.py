"""The front page, C{/}."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from twisted.web.template import Tag, tags

from assisted_images.infra_envs.local import LocalInfraEnvs
from assisted_images.pages.drawings import draw_activity, draw_image, draw_summary
from assisted_images.pages.infra_envs import infra_env_section
from assisted_images.pages.overview import Overview
from httpd.pages.figures import heading
from httpd.pages.parts import Part, Parts, placed
from httpd.pages.shell import Shell
from httpd.web.answered import Answered, Reply
from httpd.web.request import ServiceRequest

_MANY = 12
"""More images than these stand beside each other, where there is room."""

_LEAD = (
    "CoreOS live images for bare machines. Each download carries the configuration of its own"
    " cluster, spliced in while it is sent."
)


def parts_of(overview: Overview) -> Parts:
    """The live parts: a summary, the images, and what goes on."""
    images = {f"image-{position}": image for position, image in enumerate(overview.images)}
    summary = [
        (place, f"{image.openshift_version} {image.architecture}", image.state)
        for place, image in images.items()
    ]
    return {
        "summary": Part(summary, draw_summary),
        **{place: Part(image, draw_image) for place, image in images.items()},
        "activity": Part(msgspec.structs.replace(overview, images=()), draw_activity),
    }


class FrontPage(Answered):
    """What the service is, has and does."""

    def __init__(
        self,
        shell: Shell,
        overview: Callable[[], Awaitable[Overview]],
        infra_envs: LocalInfraEnvs | None,
    ) -> None:
        """
        @param infra_envs: those of a local directory; C{None}: there is none.
        """
        self._shell = shell
        self._overview = overview
        self._infra_envs = infra_envs

    async def parts(self) -> Parts:
        """The live parts, as they are now."""
        return parts_of(await self._overview())

    async def reply(self, request: ServiceRequest) -> Reply:
        """The page, as everything is now."""
        parts = await self.parts()
        images = [name for name in parts if name.startswith("image-")]
        sections = [self._images(parts, images), self._activity(parts)]
        if self._infra_envs is not None:
            sections.insert(1, await infra_env_section(self._infra_envs))
        hero = tags.div(
            tags.h1("OS images"),
            tags.p(_LEAD, class_="lead"),
            placed(parts, "summary", tags.div(role="status", class_="summary")),
        )
        return await self._shell.reply("", hero, *sections, live=parts)

    def _images(self, parts: Parts, names: list[str]) -> Tag:
        if not names:
            return tags.transparent()
        rows = [placed(parts, name, tags.li()) for name in names]
        return tags.section(
            heading("Images", len(names)),
            tags.ul(rows, class_="rows sheet many" if len(names) > _MANY else "rows sheet"),
        )

    def _activity(self, parts: Parts) -> Tag:
        return tags.section(
            tags.h2("Activity"), placed(parts, "activity", tags.div(class_="sheet"))
        )
