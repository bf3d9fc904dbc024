"""
C{RELEASE_IMAGES}: the JSON list of OpenShift release images that assisted-service is configured
with, here as what ISOs are taken out of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assisted_images.catalog.catalog import Entry
from assisted_images.catalog.lists import (
    Key,
    LeftOut,
    file_name_part,
    openshift_version,
    read_list,
)
from assisted_images.oci.image_references import OsImageStream
from assisted_images.oci.references import PullSpec
from assisted_images.values import Architecture, OpenShiftVersion
from httpd.settings.setting import Tolerated

_FIRST_WITH_ISO = (4, 11)
"""From this release on payloads have an image machine-os-images."""

_MULTI = "multi"


def parse_release_images(text: str) -> Tolerated[tuple[Entry, ...]]:
    """
    Read the list.

    @return: one entry for each architecture of each release, without releases below 4.11, which
        assisted-service installs, too.
    @raise CatalogError: with every problem of every entry.
    """
    found = read_list(text, _KEYS, _entries)
    entries = tuple(entry for entries in found.value for entry in entries)
    return Tolerated(entries, found.warnings)


def _entries(values: Mapping[str, Any]) -> list[Entry]:
    return [
        Entry(
            openshift_version=values["openshift_version"],
            architecture=architecture,
            url="",
            version=values["version"],
            release=values["url"],
            stream=values.get("os_image_stream"),
        )
        for architecture in _all_of(values)
    ]


def _all_of(values: Mapping[str, Any]) -> tuple[Architecture, ...]:
    """The architectures: C{cpu_architectures}, else C{cpu_architecture}."""
    one, several = values.get("cpu_architecture"), values.get("cpu_architectures")
    if several:
        if one not in {None, _MULTI, *several}:
            raise ValueError(
                f"cpu_architecture {one} is none of cpu_architectures; expected one of them, or"
                f" {_MULTI}"
            )
        return tuple(several)
    if one is None or one == _MULTI:
        which = "multi alone does not say which" if one else "neither of its names is there"
        raise ValueError(
            f'cpu_architectures: {which}; expected a list such as ["x86_64", "arm64"], or a single'
            " architecture in cpu_architecture"
        )
    return (one,)


def _since_4_11(text: str) -> str:
    version = OpenShiftVersion.parse(openshift_version(text))
    if version.numbers[:2] < _FIRST_WITH_ISO:
        raise LeftOut(
            f"{text} is below 4.11, and the release images there have no ISO; expected 4.11 or"
            " later, or the ISO's URL in OS_IMAGES"
        )
    return text


def _architecture(text: str) -> str:
    return text if text == _MULTI else Architecture.parse(text)


def _architectures(items: list[Any]) -> list[Architecture]:
    if not all(isinstance(item, str) for item in items):
        raise ValueError("not all of the list are strings; expected a list of strings")
    return [Architecture.parse(item) for item in items]


def _shown(pull_spec: str) -> str:
    try:
        return str(PullSpec.parse(pull_spec))
    except ValueError:
        return "(not a pull spec)"


_KEYS = {
    "openshift_version": Key(_since_4_11, required=True, shown=str),
    "cpu_architecture": Key(_architecture, shown=str),
    "cpu_architectures": Key(_architectures, kind=list),
    "os_image_stream": Key(OsImageStream.parse, shown=str),
    "url": Key(PullSpec.parse, required=True, shown=_shown),
    "version": Key(file_name_part, required=True, shown=str),
}
