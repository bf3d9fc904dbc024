"""How texts that came from outside are shown in a message."""

from __future__ import annotations

_LONGEST = 104
"""Characters, quotes included."""


def quoted(text: str) -> str:
    """The text in quotes, in ASCII, on one line, not longer than a line."""
    shown = ascii(text[:_LONGEST])
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 4]}...{shown[-1]}"


def shown(text: str) -> str:
    """Text of a client as it may stand in an answer: short, and without control characters."""
    return repr(text if len(text) <= 80 else text[:80] + "…")
