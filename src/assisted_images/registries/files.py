"""The files that say who one is at container registries and elsewhere, and where mirrors are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from assisted_images.oci.auths import PullSecret
from assisted_images.oci.mirrors import Mirrors
from httpd.settings.readers import secret
from httpd.texts import os_error_text

_T = TypeVar("_T")

_LARGEST = 8 << 20


def read_pull_secret(path: Path | None) -> PullSecret:
    """
    The pull secret in a file; an empty one where there is no file.

    @raise ValueError: it cannot be read or is none; nothing of its content is quoted.
    """
    return PullSecret.none() if path is None else _read(path, PullSecret.parse)


def read_mirrors(path: Path | None) -> Mirrors:
    """
    The mirrors that a C{registries.conf} names; none where there is no file.

    @raise ValueError: it cannot be read or is wrong.
    """
    return Mirrors.none() if path is None else _read(path, Mirrors.parse)


def read_s3_key(path: Path) -> str:
    """
    The key in a file, without the white space around it.

    @raise ValueError: it cannot be read or is none; nothing of its content is quoted.
    """
    return _read(path, lambda text: secret(text.strip()))


def _read(path: Path, parse: Callable[[str], _T]) -> _T:
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read: {os_error_text(error)}; expected a file that can be"
        ) from None
    if len(raw) > _LARGEST:
        raise ValueError(f"{path} has more than {_LARGEST} bytes; expected a smaller file")
    try:
        text = raw.decode("utf-8-sig")  # editors of Windows put a byte order mark before it
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text in UTF-8; expected one") from None
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
