"""Finding the image that a request names, in the words of the contract's error table."""

from __future__ import annotations

import math

from assisted_images.catalog import UnknownImage
from assisted_images.store.images import ImageContent, ImageState, ImageStore, OsImage
from assisted_images.values import Architecture, ImageType
from assisted_images.web.parameters import shown
from assisted_images.web.problems import Problem

_RETRY_SECONDS = 30


def select_image(
    store: ImageStore,
    version: str,
    architecture: str,
    image_type: ImageType,
    *,
    unknown_status: int,
    now: float,
) -> tuple[OsImage, ImageContent]:
    """
    Find the image for a version key and an architecture as a client wrote them.

    @param unknown_status: 404 on image routes, 400 on initrd and artifact routes.
    @param now: seconds, by the clock that the store's next tries go by.
    @raise Problem: it is not configured; or 503, it is not ready.
    """
    try:
        image = store.find(version, Architecture.parse(architecture), image_type)
    except UnknownImage as error:
        raise Problem(unknown_status, str(error)) from None
    except ValueError as error:
        wanted = f"{shown(version)} {shown(architecture)}"
        raise Problem(unknown_status, f"version for {wanted}, not found: {error}") from None
    if image.content is None:
        raise _not_ready(image, now)
    return image, image.content


def require_minimal(image: OsImage, content: ImageContent) -> None:
    """
    Check that there is a minimal ISO.

    @raise Problem: there is none; the text says why.
    """
    if image.entry.architecture is Architecture.S390X:
        raise Problem(
            404,
            "there is no minimal ISO for s390x: its boot loader cannot load a second initrd;"
            " use full.iso or pxe-initrd",
        )
    if content.minimal is None:
        raise _missing("minimal ISO", content.minimal_missing)


def require_nmstate(content: ImageContent) -> None:
    """
    Check that hosts that want C{nmstatectl} in their initrd will find it there.

    @raise Problem: they will not; the text says why.
    """
    if content.nmstate_missing is not None:
        raise _missing("initrd", content.nmstate_missing)


def _missing(what: str, reason: str | None) -> Problem:
    reason = reason or "it could not be made"
    return Problem(503, f"no {what} of this image: {reason}", {"Retry-After": str(_RETRY_SECONDS)})


def _not_ready(image: OsImage, now: float) -> Problem:
    reason = f": {image.reason}" if image.state is ImageState.FAILED and image.reason else ""
    wait = _RETRY_SECONDS if image.next_try is None else max(1, math.ceil(image.next_try - now))
    return Problem(
        503,
        f"image {image.entry.version} for {image.entry.architecture} is {image.state}{reason}",
        {"Retry-After": str(wait)},
    )
