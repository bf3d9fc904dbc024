"""A URL as a QR code (ISO/IEC 18004), for who has a phone."""

from __future__ import annotations

import segno
from twisted.web.template import Tag

_QUIET_MODULES = 4
"""The quiet zone's width (section 6.3.8)."""


def qr_code(text: str, label: str) -> Tag:
    """
    Inline SVG of it, which the style makes black on white.

    @param label: what it is, for who does not see it.
    """
    code = segno.make(text, error="m", micro=False)
    rows = list(code.matrix_iter(border=_QUIET_MODULES))
    path = "".join(
        f"M{column} {row}h1v1h-1z"
        for row, modules in enumerate(rows)
        for column, dark in enumerate(modules)
        if dark
    )
    svg = Tag("svg")(viewBox=f"0 0 {len(rows)} {len(rows)}", role="img", class_="qr")
    return svg(Tag("path")(d=path), **{"aria-label": label})
