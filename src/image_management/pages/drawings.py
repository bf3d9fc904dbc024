"""How the parts of the front page, and images and recipes, are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.web.template import Tag, tags

from httpd.pages.downloads import Downloads, draw_downloads, figure
from httpd.pages.figures import chip, count, date, facts, heading, size
from image_management.pages.job_drawings import draw_job_row, words
from image_management.pages.overview import Records, ServiceView
from image_management.pages.views import ArtifactView, JobView
from image_management.records.kinds import Kind


def draw_summary(service: ServiceView) -> Tag:
    """How the service is, in one line."""
    if not (service.store or service.s3):
        return tags.p(chip("Ready", "good"), " The store and S3 answer.")
    lines = []
    for name, trouble in (("The store", service.store), ("S3", service.s3)):
        if trouble:
            lines.append(tags.p(chip(f"{name} is away", "bad"), f" {trouble}"))
    return tags.transparent(*lines)


def draw_figures(records: Records) -> Tag:
    """How many there are of everything, and the way to them."""
    nodes = records.count(Kind.REMOTE_BUILD_NODE)
    how = tags.a("how they are", href="v3/remote-build-nodes/status")
    return tags.dl(
        _collection(records, Kind.IMAGE, "page/"),
        _collection(records, Kind.RECIPE, "page/"),
        _collection(records, Kind.PUBLIC_KEY, "v3/"),
        _figure(Kind.JOB, "page/", records, f"{count(records.under_way)} under way"),
        _figure(Kind.REMOTE_BUILD_NODE, "v3/", records, how if nodes else "none yet"),
        class_="figures sheet",
    )


def _collection(records: Records, kind: Kind, place: str) -> Tag:
    """The figure of a kind of which some may be deleted softly."""
    deleted = records.count(kind, deleted=True)
    link = tags.a(f"{count(deleted)} deleted", href=f"{place}deleted/{kind}")
    return _figure(kind, place, records, link if deleted else "none deleted")


def _figure(kind: Kind, place: str, records: Records, note: str | Tag) -> Tag:
    return figure(tags.a(words(kind), href=f"{place}{kind}"), records.count(kind), note)


def draw_activity(downloads: Downloads) -> Tag:
    """What clients download."""
    sheet = tags.div(draw_downloads(downloads), class_="sheet")
    return tags.transparent(tags.h2("Activity"), sheet)


@dataclass(frozen=True, slots=True)
class Section:
    """What the front page shows of a kind of records."""

    kind: Kind
    total: int
    """How many there are."""
    shown: Sequence[JobView | ArtifactView]


def draw_section(section: Section) -> Tag:
    """The newest of a kind of records, and the way to all others."""
    total, name = section.total, words(section.kind)
    rest = total > len(section.shown)
    link = tags.a(f"All {count(total)} {name.lower()}", href=f"page/{section.kind}")
    return tags.transparent(
        heading(name, total),
        draw_rows(section.shown),
        tags.p(link, class_="more") if rest else "",
    )


def draw_rows(shown: Sequence[JobView | ArtifactView], root: str = "") -> Tag:
    """
    Records below each other; or that there are none.

    @param root: the way to the root of the pages.
    """
    if not shown:
        return tags.p("There are none.", class_="quiet")
    items = [
        draw_job_row(one, root) if isinstance(one, JobView) else draw_artifact(one, root)
        for one in shown
    ]
    return tags.ul(items, class_="rows sheet")


def draw_artifact(artifact: ArtifactView, root: str = "") -> Tag:
    """
    An image or a recipe.

    @param root: the way to the root of the pages.
    """
    deleted = artifact.deleted is not None
    place = f"{root}v3/{'deleted/' if deleted else ''}{artifact.kind}/{artifact.id}"
    told: list[Tag | str] = [artifact.architecture]
    if artifact.made_for:
        told.append(artifact.made_for)
    told.append(tags.span("created ", date(artifact.created)))
    if artifact.deleted is not None:
        told.append(tags.span("deleted ", date(artifact.deleted)))
    total = size(sum(bytes for _, bytes in artifact.sizes)) if artifact.sizes else ""
    last = tags.span(total, class_="last")
    return tags.li(
        tags.div(
            tags.h3(tags.a(artifact.name or artifact.id, href=place)),
            tags.span(facts(told), class_="quiet"),
            last if artifact.has_link else chip("No artifact yet", "calm"),
            class_="row",
        ),
        _downloads(artifact, place),
    )


def _downloads(artifact: ArtifactView, place: str) -> Tag:
    """The artifacts of an image, as a machine boots of them; those of what is deleted stay."""
    if artifact.kind is not Kind.IMAGE or artifact.deleted is not None or not artifact.sizes:
        return tags.transparent()
    links = [
        tags.span(tags.a(words(name), href=f"{place}/artifacts/{name}"), f" {size(bytes)}")
        for name, bytes in artifact.sizes
    ]
    return tags.p(facts(links), class_="quiet")
