"""The pages of local infra-envs: which there are, and what the images of each are fetched by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from urllib.parse import urlencode

from twisted.web.template import Tag, tags

from assisted_images.catalog.catalog import Entry
from assisted_images.infra_envs.listing import LocalInfraEnv
from assisted_images.infra_envs.local import LocalInfraEnvs
from assisted_images.pages.addresses import Address, command_lines, host_urls, image_urls
from assisted_images.store.images import ImageStore, OsImage, ReadyImage
from assisted_images.values import is_infra_env_id
from httpd.pages.figures import count, date, heading, plural
from httpd.pages.parts import copied, hyphened
from httpd.pages.qr_code import qr_code
from httpd.pages.shell import Shell
from httpd.texts import os_error_text
from httpd.web.answered import Answered, Reply
from httpd.web.listener_url import listener_url
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest

_FIRST = 10
"""So many the front page shows."""

_ON_A_PAGE = 100


async def infra_env_section(infra_envs: LocalInfraEnvs) -> Tag:
    """The section of the front page: those that were changed last, and the way to all others."""
    title = "Infra-envs"
    try:
        listing = await infra_envs.listing(0, _FIRST)
    except OSError as error:
        said = f"They cannot be read: {_text(error)}."
        return tags.section(tags.h2(title), tags.p(said, class_="trouble"))
    rest = listing.total - len(listing.infra_envs)
    return tags.section(
        heading(title, listing.total),
        _rows(listing.infra_envs, "infra-envs/"),
        tags.p(tags.a(f"All {count(listing.total)} infra-envs", href="infra-envs")) if rest else "",
    )


class InfraEnvList(Answered):
    """C{/infra-envs}: all of them, a hundred at a time."""

    def __init__(self, shell: Shell, infra_envs: LocalInfraEnvs) -> None:
        self._shell = shell
        self._infra_envs = infra_envs

    async def reply(self, request: ServiceRequest) -> Reply:
        """
        A page of them.

        @raise Problem: there is no such page.
        """
        number = _page_number(request)
        try:
            listing = await self._infra_envs.listing((number - 1) * _ON_A_PAGE, _ON_A_PAGE)
        except OSError as error:
            raise _unreadable(error) from None
        pages = max(1, math.ceil(listing.total / _ON_A_PAGE))
        if number > pages:
            raise Problem(404, f"there are {pages} pages of infra-envs")
        infra_envs = plural(listing.total, "infra-env")
        return await self._shell.reply(
            "Infra-envs",
            tags.h1("Infra-envs"),
            tags.p(f"{infra_envs}, those that were changed last first.", class_="lead"),
            tags.section(_rows(listing.infra_envs, "infra-envs/")),
            _pages(number, pages),
        )


class InfraEnvPage(Answered):
    """C{/infra-envs/:id}: what its images are fetched by."""

    def __init__(
        self,
        shell: Shell,
        infra_envs: LocalInfraEnvs,
        store: ImageStore,
        base_url: str | None,
    ) -> None:
        """
        @param base_url: of the service, as hosts see it; C{None}: as the request has found it.
        """
        self._shell = shell
        self._infra_envs = infra_envs
        self._store = store
        self._base_url = base_url

    async def reply(self, request: ServiceRequest) -> Reply:
        """
        The page.

        @raise Problem: 404, there is no such infra-env; 400, the C{Host} is none.
        """
        infra_env = await self._found(request.path_values[0])
        base = (self._base_url or listener_url(request)).removesuffix("/")
        title = infra_env.name or infra_env.id
        return await self._shell.reply(
            title,
            tags.h1(title),
            tags.p(tags.code(infra_env.id), class_="lead"),
            *self._images(infra_env, base, _parameter(request, "image")),
            _phone(f"{base}/infra-envs/{infra_env.id}"),
            root="../",
        )

    async def _found(self, infra_env_id: str) -> LocalInfraEnv:
        found = None
        if is_infra_env_id(infra_env_id):  # it becomes part of a path
            try:
                found = await self._infra_envs.find(infra_env_id)
            except OSError as error:
                raise _unreadable(error) from None
        if found is None:
            raise Problem(404, "there is no such infra-env")
        return found

    def _images(self, infra_env: LocalInfraEnv, base: str, wanted: str) -> Iterable[Tag]:
        """The images there are to choose from, and all about the one that is chosen."""
        ready = [(image, image.ready) for image in self._store.images if image.ready is not None]
        if not ready:
            yield tags.section(
                tags.p("No image is ready yet. ", tags.a("How far they are", href="../"))
            )
            return
        keys = [_key(image) for image, _ in ready]
        chosen = keys.index(wanted) if wanted in keys else 0
        image, content = ready[chosen]
        if len(ready) > 1:
            yield tags.section(tags.h2("Image", id="images"), _choices(ready, chosen))
        entry = image.entry
        urls = [*image_urls(base, infra_env.id, entry, content)]
        yield _addresses(f"OpenShift {_name(entry)}", "url", urls)
        lines = command_lines(base, infra_env.id, entry, urls[-1].text)
        yield _addresses("Commands", "command", lines)
        if infra_env.hosts and content.minimal is not None:
            hosts = host_urls(base, infra_env.id, entry, infra_env.hosts)
            yield _addresses("Hosts", "host", hosts)


def _choices(ready: Sequence[tuple[OsImage, ReadyImage]], chosen: int) -> Tag:
    names = [_name(image.entry) for image, _ in ready]
    items = []
    for position, (image, _) in enumerate(ready):
        current = hyphened(aria_current="true" if position == chosen else None)
        name, href = names[position], f"?{urlencode({'image': _key(image)})}"
        if names.count(name) > 1:
            name = f"{name} ({image.entry.version})"
        items.append(tags.li(tags.a(name, href=href, **current)))
    return tags.ul(items, class_="choices", **{"aria-labelledby": "images"})


def _name(entry: Entry) -> str:
    """An image as people call it; others may be called alike."""
    kind = entry.image_type.value.removesuffix("-iso")
    name = f"{entry.openshift_version} {entry.architecture}"
    return name if kind == "full" else f"{name} {kind}"


def _key(image: OsImage) -> str:
    return "-".join(image.entry.key)


def _addresses(title: str, name: str, addresses: Iterable[Address]) -> Tag:
    rows = [_address(one, f"{name}-{number}") for number, one in enumerate(addresses)]
    return tags.section(tags.h2(title), tags.ul(rows, class_="rows sheet"))


def _address(address: Address, name: str) -> Tag:
    return tags.li(
        tags.h3(address.name),
        tags.p(address.note, class_="quiet"),
        copied(address.text, name, f"Copy: {address.name}"),
    )


def _phone(url: str) -> Tag:
    return tags.section(
        tags.h2("On a phone"),
        tags.div(
            qr_code(url, f"QR code of {url}"),
            tags.div(
                tags.p("This page, to have its addresses where the machines are."),
                tags.p(tags.a(url, href=url), class_="quiet"),
            ),
            class_="code sheet",
        ),
    )


def _rows(infra_envs: Iterable[LocalInfraEnv], place: str) -> Tag:
    rows = [
        tags.li(
            tags.a(one.name or tags.code(one.id), href=place + one.id),
            tags.code(one.id, class_="quiet") if one.name else "",
            tags.span("changed ", date(one.changed_at), class_="quiet last"),
            class_="row",
        )
        for one in infra_envs
    ]
    if not rows:
        return tags.p("There are none yet.", class_="quiet")
    return tags.ul(rows, class_="rows sheet")


def _pages(number: int, pages: int) -> Tag:
    """The way to the pages beside this one."""
    if pages == 1:
        return tags.transparent()
    links: list[Tag] = []
    if number > 1:
        links.append(tags.a("Previous", href=f"?page={number - 1}", rel="prev"))
    links.append(tags.span(f"Page {number} of {pages}"))
    if number < pages:
        links.append(tags.a("Next", href=f"?page={number + 1}", rel="next"))
    return tags.nav(links, class_="pages", **{"aria-label": "Pages"})


def _page_number(request: ServiceRequest) -> int:
    text = _parameter(request, "page") or "1"
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 7 and int(text)):
        raise Problem(400, "invalid value for parameter 'page'; expected a number from 1 on")
    return int(text)


def _parameter(request: ServiceRequest, name: str) -> str:
    values: list[bytes] = (request.args or {}).get(name.encode(), [b""])
    return values[0].decode("utf-8", "replace")


def _unreadable(error: OSError) -> Problem:
    return Problem(500, f"the infra-envs cannot be read: {_text(error)}")


def _text(error: OSError) -> str:
    """What the system says of it; or how long it has been waited."""
    return os_error_text(error) if error.errno else str(error)
