"""What an infra-env's images are fetched by: URLs, and command lines that have them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import urlencode

from assisted_images.catalog.catalog import Entry
from assisted_images.store.states import ReadyImage
from assisted_images.values import ImageType

_INSERT = "redfish/v1/Managers/1/VirtualMedia/1/Actions/VirtualMedia.InsertMedia"
"""Where most BMCs take it (DSP2046, VirtualMedia); the names of its parts are the vendor's."""


class Address(NamedTuple):
    """A text to copy."""

    name: str
    note: str
    text: str


def image_urls(base: str, infra_env_id: str, entry: Entry, ready: ReadyImage) -> Iterator[Address]:
    """
    The URLs of what a BMC or a person takes.

    @param base: the service's, without a slash at its end.
    """
    place = _place(base, infra_env_id, entry)
    if entry.image_type is ImageType.DISCONNECTED:
        yield Address(
            "Disconnected ISO", "Has everything in it.", f"{place}/{entry.image_type.file_name}"
        )
        return
    yield Address("Full ISO", "Has everything in it.", f"{place}/{ImageType.FULL.file_name}")
    if ready.minimal is not None:
        yield Address(
            "Minimal ISO",
            "For slow virtual media: fetches its root file system over the network.",
            f"{place}/{ImageType.MINIMAL.file_name}",
        )


def host_urls(
    base: str, infra_env_id: str, entry: Entry, hosts: Iterable[str]
) -> Iterator[Address]:
    """
    The URLs of minimal ISOs for single hosts, by their MAC addresses.

    @param base: the service's, without a slash at its end.
    """
    place = _place(base, infra_env_id, entry)
    for host in hosts:
        yield Address(
            host, "The minimal ISO, for this host.", f"{place}/{host}/{ImageType.MINIMAL.file_name}"
        )


def _place(base: str, infra_env_id: str, entry: Entry) -> str:
    return f"{base}/byid/{infra_env_id}/{entry.version}/{entry.architecture}"


def command_lines(base: str, infra_env_id: str, entry: Entry, url: str) -> Iterator[Address]:
    """
    Command lines that fetch or insert an image, or boot without one.

    @param url: the image's.
    """
    if entry.image_type is not ImageType.DISCONNECTED:
        query = urlencode({"version": entry.version, "arch": entry.architecture.value})
        script = f"{base}/images/{infra_env_id}/ipxe-script?{query}"
        yield Address("iPXE", "At its prompt, or as a script.", f"chain {script}")
    name = f"discovery-{infra_env_id[:8]}.iso"
    yield Address("Download", "By curl.", shlex.join(["curl", "--fail", "--output", name, url]))
    media = json.dumps({"Image": url, "Inserted": True, "WriteProtected": True})
    insert = ["curl", "--fail", "--user", "USER", "--header", "Content-Type: application/json"]
    yield Address(
        "Redfish",
        "Inserts the image as virtual media. USER, BMC and the two 1 are your BMC's; curl asks for"
        " the password.",
        shlex.join([*insert, "--data", media, f"https://BMC/{_INSERT}"]),
    )
