"""A small plot of the last minutes, as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.web.template import Tag

from httpd.pages.rates import SAMPLES

_WIDTH, _HEIGHT = 240, 40


def plot(values: Sequence[float], label: str) -> Tag:
    """
    An area below a line, the newest value at the right; as wide as C{SAMPLES} values are.

    @param values: at equal distances, none below 0, the oldest first.
    @param label: what it shows, for who does not see it.
    """
    attributes = {"role": "img", "aria-label": label, "preserveAspectRatio": "none"}
    svg = Tag("svg")(viewBox=f"0 0 {_WIDTH} {_HEIGHT}", class_="plot", **attributes)
    ground = Tag("path")(class_="ground", d=f"M0 {_HEIGHT}H{_WIDTH}")
    if len(values) < 2:
        return svg(ground)
    step = _WIDTH / (SAMPLES - 2)
    highest = max(values) or 1.0
    left = _WIDTH - step * (len(values) - 1)
    points = " ".join(
        f"{left + step * position:.1f},{_HEIGHT - (_HEIGHT - 2) * value / highest:.1f}"
        for position, value in enumerate(values)
    )
    return svg(
        Tag("polygon")(points=f"{left:.1f},{_HEIGHT} {points} {_WIDTH},{_HEIGHT}", class_="area"),
        Tag("polyline")(points=points, class_="line"),
        ground,
    )
