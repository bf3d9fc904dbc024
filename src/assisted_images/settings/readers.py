"""What reads the text of a setting that this service alone has."""

from __future__ import annotations

from enum import StrEnum

from assisted_images.values import ImageFetch
from httpd.settings.readers import one_of


class HttpServes(StrEnum):
    """What the plain listener serves when a TLS listener is open too."""

    BOOT = "boot"
    """What boot loaders ask for (PXE initrd, boot artifacts), and the health pages."""

    ALL = "all"


def http_serves(text: str) -> HttpServes:
    """Read C{HTTP_SERVES}."""
    return HttpServes(one_of(text, HttpServes))


class ReadyWhen(StrEnum):
    """How many OS images have to be ready for the service to be."""

    ALL = "all"
    """As the Go service has it."""

    ANY = "any"
    """One, of whatever version and architecture."""


def ready_when(text: str) -> ReadyWhen:
    """Read C{READY_WHEN}."""
    return ReadyWhen(one_of(text, ReadyWhen))


def image_fetch(text: str) -> ImageFetch:
    """Read C{IMAGE_FETCH}."""
    return ImageFetch(one_of(text, ImageFetch))
