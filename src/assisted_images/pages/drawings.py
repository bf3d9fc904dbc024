"""How the parts of the front page are drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twisted.web.template import Tag, tags

from assisted_images.pages.overview import Configurations, ImageView, Overview
from assisted_images.store.states import ImageState
from httpd.pages.downloads import draw_downloads, figure
from httpd.pages.figures import chip, count, moment, plural, progress, rate, size, span

_MOST_LINKS = 5
"""Images that have failed to which there is a way from the summary."""

_MOODS = {
    ImageState.WAITING: "calm",
    ImageState.DOWNLOADING: "busy",
    ImageState.CHECKING: "busy",
    ImageState.READY: "good",
    ImageState.FAILED: "bad",
}


def draw_summary(images: Sequence[tuple[str, str, ImageState]]) -> Tag:
    """
    How the images are, in one line, and the way to those that have failed.

    @param images: of each the id of its part, its name and its state.
    """
    ready = sum(state is ImageState.READY for _, _, state in images)
    failed = [(place, name) for place, name, state in images if state is ImageState.FAILED]
    if not images:
        return tags.p(chip("No image", "calm"), " None is configured: OS_IMAGES says which.")
    if ready == len(images):
        said = "The image is ready." if ready == 1 else f"All {count(ready)} images are ready."
        return tags.p(chip("Ready", "good"), " ", said)
    said = f"{count(ready)} of {plural(len(images), 'image is', 'images are')} ready."
    if failed:
        links = [[" ", tags.a(name, href=f"#{place}")] for place, name in failed[:_MOST_LINKS]]
        return tags.p(chip(f"{count(len(failed))} failed", "bad"), " ", said, *links)
    return tags.p(chip("Preparing", "busy"), " ", said)


def draw_image(image: ImageView) -> Tag:
    """One image: what it is, its state, and how far it has got or why not."""
    return tags.transparent(
        tags.div(
            tags.h3(f"{image.openshift_version} ", tags.span(image.architecture)),
            tags.span(_what(image), class_="quiet"),
            chip(image.state.capitalize(), _MOODS[image.state]),
            class_="row",
        ),
        _how_far(image),
        _why(image),
    )


def _what(image: ImageView) -> str:
    """Its own version, what kind it is if not the usual one, and its size."""
    kind = image.type.removesuffix("-iso")
    shown = [f"CoreOS {image.version}"] if image.version != image.openshift_version else []
    if kind != "full":
        shown.append(kind)
    if image.state is ImageState.READY and image.total:
        shown.append(size(image.total))
    return _listed(shown)


def _listed(texts: Iterable[str]) -> str:
    return " \N{MIDDLE DOT} ".join(texts)


def _how_far(image: ImageView) -> Tag:
    is_partial = image.on_demand is not None and image.bytes != image.total
    if image.state is not ImageState.DOWNLOADING and not is_partial:
        return tags.transparent()
    shown = [f"{size(image.bytes)} of {size(image.total)}" if image.total else size(image.bytes)]
    if image.rate:
        shown.append(rate(image.rate))
    if image.seconds_left is not None:
        shown.append(f"{span(image.seconds_left)} left")
    if image.on_demand is not None:
        reads = image.on_demand.hits + image.on_demand.misses
        if reads:
            shown.append(f"{100 * image.on_demand.hits / reads:.0f} % of reads from the disk")
    name = f"{image.openshift_version} {image.architecture}"
    return tags.transparent(
        progress(image.bytes, image.total, f"How much of {name} is here"),
        tags.p(_listed(shown), class_="quiet"),
    )


def _why(image: ImageView) -> Tag:
    """Why it has failed, or does not serve everything, and when it is tried again."""
    trouble = image.on_demand.trouble if image.on_demand is not None else None
    reason = image.reason or trouble
    if reason is None:
        return tags.transparent()
    failed = image.state is ImageState.FAILED
    again = (
        tags.p("Tried again ", moment(image.next_try), class_="quiet")
        if image.next_try is not None
        else ""
    )
    if reason.partition(" ")[0].isalpha():  # and no URL
        reason = reason[0].upper() + reason[1:]
    return tags.transparent(tags.p(reason, class_="trouble" if failed else "quiet"), again)


def draw_activity(overview: Overview) -> Tag:
    """
    What the service does for its clients.

    @param overview: its images do not matter.
    """
    others = [_workers(overview)]
    if overview.configurations is not None:
        others.append(_configurations(overview.configurations))
    if overview.disk is not None:
        room = size(overview.disk.free)
        others.append(figure("Disk", room, f"free of {size(overview.disk.size)}"))
    if overview.cache is not None:
        most = overview.cache.most
        note = "of images on demand" if most is None else f"of {size(most)}"
        others.append(figure("Cache", size(overview.cache.used), note))
    return draw_downloads(overview.downloads, *others)


def _workers(overview: Overview) -> Tag:
    most = overview.most_workers
    note = "serving" if overview.workers == most else f"of {count(most)} serving"
    return figure("Workers", overview.workers, note)


def _configurations(configurations: Configurations) -> Tag:
    asked, shared = configurations.asked, configurations.shared
    note = f"{100 * shared / asked:.0f} % out of the cache" if asked else "none asked for yet"
    if configurations.cache_up is False:
        note += "; the replicas' cache does not answer"
    return figure("Configurations", asked, note)
