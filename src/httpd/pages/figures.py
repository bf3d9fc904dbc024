"""Figures as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from twisted.web.template import Tag, tags

from httpd.pages.parts import hyphened

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


def size(count: float) -> str:
    """Bytes, with three digits: C{1.25 GiB}."""
    unit = 0
    while count >= 999.5 and unit < len(_UNITS) - 1:
        count /= 1024
        unit += 1
    if not unit:
        return f"{count:.0f} {_UNITS[0]}"
    digits = 0 if count >= 99.95 else 1 if count >= 9.995 else 2
    return f"{count:.{digits}f} {_UNITS[unit]}"


def rate(bytes_a_second: float) -> str:
    """Bytes a second: C{1.25 GiB/s}."""
    return f"{size(bytes_a_second)}/s"


def span(seconds: float) -> str:
    """How long something takes, by its greatest units: C{3 min 20 s}."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole < 600 else f"{round(whole / 60)} min"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{round(hours / 24)} days"


def count(number: float) -> str:
    """A number, with its thousands apart."""
    return f"{number:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def plural(number: float, one: str, several: str = "") -> str:
    """A number of things: C{1 image}, C{2 images}."""
    return f"{count(number)} {one if number == 1 else several or one + 's'}"


def moment(at: float) -> Tag:
    """
    A time of day, which the script turns into how long it is until then.

    @param at: seconds since the epoch.
    """
    when = datetime.fromtimestamp(at, UTC)
    return tags.time(
        f"at {when:%H:%M:%S} UTC",
        datetime=f"{when:%Y-%m-%dT%H:%M:%SZ}",
        **hyphened(data_until=f"{at:.0f}"),
    )


def date(at: float) -> Tag:
    """
    A time that stays as it is.

    @param at: seconds since the epoch.
    """
    when = datetime.fromtimestamp(at, UTC)
    return tags.time(f"{when:%Y-%m-%d %H:%M} UTC", datetime=f"{when:%Y-%m-%dT%H:%M:%SZ}")


def ago(at: float) -> Tag:
    """
    A time past, which the script turns into how long that is ago.

    @param at: seconds since the epoch.
    """
    return date(at)(**hyphened(data_since=f"{at:.0f}"))


def progress(done: float, total: float | None, label: str) -> Tag:
    """
    A bar; one without an end where nobody knows it.

    @param label: what it is the progress of, for who does not see it.
    """
    bar = tags.progress(max="100", **{"aria-label": label})
    if not total:
        return bar
    percent = min(100.0, 100 * done / total)
    return bar(f"{percent:.0f} %", value=f"{percent:.1f}")


def chip(text: str, mood: str) -> Tag:
    """
    A state, in its colour.

    @param mood: C{good}, C{bad}, C{busy} or C{calm}.
    """
    return tags.span(text, class_=f"chip {mood} last")


def facts(things: Iterable[Tag | str]) -> Tag:
    """Short things beside each other: C{x86_64 · 1.25 GiB}."""
    between = [part for one in things for part in (" \N{MIDDLE DOT} ", one)]
    return tags.transparent(*between[1:])


def heading(title: str, number: int) -> Tag:
    """
    The heading of a section.

    @param number: how many things it has.
    """
    return tags.div(tags.h2(title), tags.span(count(number), class_="quiet"), class_="heading")
