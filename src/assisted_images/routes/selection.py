"""Finding the image that a request names (docs/reference/http-api.md, "Errors")."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from assisted_images.catalog.catalog import UnknownImage
from assisted_images.store.images import ImageStore, OsImage, ReadyImage
from assisted_images.store.preparation import LONGEST_DELAY
from assisted_images.values import Architecture, ImageType
from httpd.texts import quoted
from httpd.web.problems import Problem

_RETRY_SECONDS = 30


class SelectedImage(NamedTuple):
    """An image that is ready, and what is served of it."""

    os_image: OsImage
    ready: ReadyImage


def require_nothing(image: SelectedImage) -> None:
    """Any image will do that is ready."""


@dataclass(frozen=True, slots=True)
class WantedImage:
    """What a request says of the OS image that it means."""

    version: str
    """The image's own version, or OpenShift's."""

    architecture: Architecture
    image_type: ImageType

    unknown_status: int
    """The status where there is no such image: 404 on image routes, else 400."""

    require: Callable[[SelectedImage], None] = require_nothing
    """Raises L{Problem} for an image that has not what it takes."""

    @classmethod
    def read(
        cls,
        version: str,
        architecture: str,
        image_type: ImageType,
        *,
        unknown_status: int,
        require: Callable[[SelectedImage], None] = require_nothing,
    ) -> WantedImage:
        """
        Read version and architecture as a client wrote them.

        @raise Problem: there is no such architecture.
        """
        try:
            known = Architecture.parse(architecture)
        except ValueError as error:
            wanted = f"{quoted(version)} {quoted(architecture)}"
            raise Problem(unknown_status, f"version for {wanted}, not found: {error}") from None
        return cls(version, known, image_type, unknown_status, require)


def select_image(store: ImageStore, wanted: WantedImage) -> SelectedImage:
    """
    Find the image, as it is now.

    @raise Problem: it is not configured, or has not what it takes; or 503, it is not ready.
    """
    try:
        image = store.find(wanted.version, wanted.architecture, wanted.image_type)
    except UnknownImage as error:
        raise Problem(wanted.unknown_status, str(error)) from None
    ready = image.current()
    if ready is None:
        raise _not_ready(image)
    selected = SelectedImage(image, ready)
    wanted.require(selected)
    return selected


def require_minimal(image: SelectedImage) -> None:
    """
    Check that there is a minimal ISO.

    @raise Problem: there is none; the text says why.
    """
    if image.os_image.entry.architecture is Architecture.S390X:
        raise Problem(
            404,
            "there is no minimal ISO for s390x: its boot loader cannot load a second initrd;"
            " use full.iso or pxe-initrd",
        )
    if image.ready.minimal is None:
        raise missing("minimal ISO", image.ready.minimal_missing)


def require_s390x(image: SelectedImage) -> None:
    """
    Check that the image is one for s390x.

    @raise Problem: it is not.
    """
    if image.os_image.entry.architecture is not Architecture.S390X:
        raise Problem(404, "the ins-file is for s390x only")


def missing(what: str, reason: str | None) -> Problem:
    """
    The problem where an image is ready, and something cannot be made of it.  Without a
    C{Retry-After}: nothing but another image, or another setting, will help.
    """
    return Problem(503, f"no {what} of this image: {reason or 'it could not be made'}")


def _not_ready(image: OsImage) -> Problem:
    reason = f": {image.reason}" if image.reason else ""
    wait = _RETRY_SECONDS
    if image.next_try is not None:  # a time of day; who waits does not go by that
        wait = max(1, math.ceil(min(image.next_try - time.time(), LONGEST_DELAY)))
    return Problem(
        503,
        f"image {image.entry.version} for {image.entry.architecture} is {image.state}{reason}",
        {"Retry-After": str(wait)},
    )
