"""Words of the domain that everything here uses: who this service is, and how it writes times."""

from __future__ import annotations

from datetime import UTC, datetime

from image_management import __version__

USER_AGENT = "image-management"
"""Who this service is to the servers that it asks."""

VERSION_TEXT = f"image-management {__version__}"
"""Who this service is to its operator."""


def time_text(seconds: float) -> str:
    """
    A time as records have it: ISO 8601, in UTC, with its offset.

    @param seconds: since the epoch.
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat()
