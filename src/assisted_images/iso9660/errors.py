"""The one reason for which an image is refused."""

from __future__ import annotations


class IsoError(Exception):
    """Not an image that can be served; the text is the reason, in one sentence."""
