"""
C{OS_IMAGES}: the JSON list of ISOs that assisted-service and the Go assisted-image-service are
configured with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from assisted_images.catalog.catalog import Catalog, Entry, s3_location
from assisted_images.catalog.lists import Key, file_name_part, openshift_version, read_list
from assisted_images.values import Architecture, ImageFetch, ImageType
from httpd.texts import quoted_if_odd
from httpd.urls import is_http_url, public_url


def parse_os_images(text: str) -> Catalog:
    """
    Read the list.

    @raise CatalogError: with every problem of every entry.
    """
    return Catalog(read_list(text, _KEYS, _entry).value)


def _entry(values: Mapping[str, Any]) -> Entry:
    return Entry(**{_ATTRIBUTES.get(name, name): value for name, value in values.items()})


def _url(text: str) -> str:
    if not is_http_url(text) or not text.isprintable() or " " in text:
        raise ValueError("not a URL; expected one that begins with https:// or http:// and a host")
    return text


def _image_url(text: str) -> str:
    if text.startswith("s3:"):
        if s3_location(text) is None:
            raise ValueError("not the place of an object; expected s3://bucket/key")
        return text
    return _url(text)


def _shown_url(text: str) -> str:
    return text if s3_location(text) else public_url(text)


def _sha256(text: str) -> str:
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise ValueError(f"{quoted_if_odd(text)} is not a SHA-256; expected 64 hexadecimal digits")
    return text.lower()


def _image_type(text: str) -> ImageType:
    if text not in _DOWNLOADED:
        raise ValueError(f"unknown type {quoted_if_odd(text)}; expected {' or '.join(_DOWNLOADED)}")
    return ImageType(text)


def _fetch(text: str) -> ImageFetch:
    if text not in list(ImageFetch):
        expected = " or ".join(ImageFetch)
        raise ValueError(f"unknown way {quoted_if_odd(text)}; expected {expected}")
    return ImageFetch(text)


_DOWNLOADED = (ImageType.FULL, ImageType.DISCONNECTED)

_KEYS = {
    "openshift_version": Key(openshift_version, required=True, shown=str),
    "cpu_architecture": Key(Architecture.parse, required=True, shown=str),
    "url": Key(_image_url, required=True, shown=_shown_url),
    "version": Key(file_name_part, required=True, shown=str),
    "rootfs_url": Key(_url),
    # An empty one is a slip that must not turn the check off.
    "sha256": Key(_sha256, blank_is_absent=False),
    "type": Key(_image_type),
    "fetch": Key(_fetch),
}

_ATTRIBUTES = {"cpu_architecture": "architecture", "type": "image_type"}
"""What L{Entry} calls a key otherwise."""
