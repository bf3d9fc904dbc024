"""Sound items of the lists of images, and what is said of a list that is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from assisted_images.catalog.catalog import Catalog
from assisted_images.catalog.lists import CatalogError
from assisted_images.catalog.os_images import parse_os_images

Item = dict[str, Any]
"""An object of a list."""

OS_IMAGE: Item = {
    "openshift_version": "4.18",
    "cpu_architecture": "x86_64",
    "url": "https://mirror.example.com/rhcos-live.iso",
    "version": "418.94.1-0",
}

RELEASE_IMAGE: Item = {
    "openshift_version": "4.14",
    "cpu_architecture": "x86_64",
    "url": "quay.io/openshift-release-dev/ocp-release:4.14.0-x86_64",
    "version": "4.14.0",
}


def catalog(*changes: Item) -> Catalog:
    """The catalogue of OS images that differ from the sound one as said."""
    return parse_os_images(json.dumps([OS_IMAGE | change for change in changes]))


def problems(parse: Callable[[str], object], text: str) -> tuple[str, ...]:
    """Everything that is said about a wrong list."""
    try:
        parse(text)
    except CatalogError as error:
        return error.problems
    raise AssertionError("accepted")


def problem_of(parse: Callable[[str], object], item: Item, without: str = "") -> str:
    """What is said, after the item's name, about an item with one thing wrong."""
    left = {key: value for key, value in item.items() if key != without}
    (text,) = problems(parse, json.dumps([left]))
    name, _, reason = text.partition("): ")
    assert name.startswith("entry 0 ("), text
    return reason
