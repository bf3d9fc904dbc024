"""How texts that came from outside, and may be anything, are shown in a message."""

from __future__ import annotations

_LONGEST = 128
"""Characters, quotes included."""


LONGEST_FACT = 400
"""Characters that are logged of something a client has sent."""


def shortened(text: str, most: int = LONGEST_FACT) -> str:
    """The text, or its beginning where it is long."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def quoted(text: str) -> str:
    """The text in quotes, in ASCII, on one line, shortened where it is long."""
    shown = ascii(text[:_LONGEST])
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 4]}...{shown[-1]}"


def quoted_if_odd(text: str) -> str:
    """
    The text as it is where it reads like a word of the sentence, as versions and URLs do: short,
    and on one line.  Any other is L{quoted}.
    """
    return text if text.isprintable() and 0 < len(text) <= _LONGEST else quoted(text)


def os_error_text(error: OSError) -> str:
    """What the system says of an error, such as C{No space left on device}."""
    return error.strerror or type(error).__name__
