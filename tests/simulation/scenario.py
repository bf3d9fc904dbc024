"""What is simulated: hosts, how they boot, and what serves them.  Each field is a flag, too."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from typing import Annotated, NamedTuple, get_args, get_type_hints


class Image(StrEnum):
    """The ISO that hosts boot; with the minimal one they fetch the root file system besides."""

    MINIMAL = "minimal"
    FULL = "full"


class Boot(StrEnum):
    """Who reads the ISO: a BMC, by ranges of 64 KiB one after the other, or firmware, at once."""

    MEDIA = "media"
    HTTP = "http"


class Fetch(StrEnum):
    """Where the replicas have the OS image from."""

    PRESENT = "present"
    WHOLE = "whole"
    ON_DEMAND = "on-demand"


class Flag(NamedTuple):
    """
    What a field is, for people, and which numbers it takes.

    @ivar least: the least.
    @ivar above: whether it has to be more than that.
    """

    text: str
    least: float = 0
    above: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """
    One storm.

    @raise ValueError: a number is out of its bounds.
    """

    sites: Annotated[int, Flag("sites, each with an infra-env and a link of its own", 1)] = 1
    hosts: Annotated[int, Flag("hosts of each site")] = 100
    spread: Annotated[float, Flag("seconds over which boots begin; 0: all at once")] = 0
    image: Annotated[Image, Flag("the ISO that is booted")] = Image.MINIMAL
    boot: Annotated[Boot, Flag("virtual media by ranges of 64 KiB, or UEFI HTTP boot")] = Boot.MEDIA
    replicas: Annotated[int, Flag("replicas of the service, behind one address", 1)] = 1
    workers: Annotated[int, Flag("WORKERS of each, with a CPU each", 1)] = 1
    gbit: Annotated[float, Flag("Gbit/s of each replica's network", above=True)] = 10
    slots: Annotated[int, Flag("MAX_CONCURRENT_REQUESTS of each replica", 1)] = 400
    tls: Annotated[bool, Flag("everything over TLS")] = False
    cdn: Annotated[int, Flag("edges of a CDN for root file systems; 0: no CDN")] = 0
    fetch: Annotated[Fetch, Flag("the image is on disk, or fetched when it all begins")] = (
        Fetch.PRESENT
    )
    origin_gbit: Annotated[float, Flag("Gbit/s of the origin of OS images", above=True)] = 1
    share: Annotated[float, Flag("CONFIG_SHARE_SECONDS")] = 60
    cache: Annotated[bool, Flag("replicas share configurations (CONFIG_CACHE_URL)")] = False
    site_gbit: Annotated[float, Flag("Gbit/s of each site's link", above=True)] = 10
    host_gbit: Annotated[float, Flag("Gbit/s of each host", above=True)] = 10
    bmc_mbit: Annotated[float, Flag("Mbit/s of each BMC", above=True)] = 100
    rtt_ms: Annotated[float, Flag("ms from a host to a replica and back")] = 10
    full_mib: Annotated[float, Flag("MiB of the full ISO", above=True)] = 1200
    minimal_mib: Annotated[float, Flag("MiB of the minimal ISO", above=True)] = 110
    rootfs_mib: Annotated[float, Flag("MiB of the root file system", above=True)] = 1050

    def __post_init__(self) -> None:
        for name, (_, flag) in flags().items():
            value = getattr(self, name)
            if isinstance(value, int | float):
                _check(name, value, flag)

    @property
    def all_hosts(self) -> int:
        """Of all sites."""
        return self.sites * self.hosts


@cache
def flags() -> Mapping[str, tuple[type, Flag]]:
    """Each field's type, and what there is to know of it."""
    hints = get_type_hints(Scenario, include_extras=True)
    return {each.name: get_args(hints[each.name]) for each in fields(Scenario)}


def _check(name: str, value: float, flag: Flag) -> None:
    if not math.isfinite(value) or value < flag.least or (flag.above and value == flag.least):
        bound = f"more than {flag.least:g}" if flag.above else f"{flag.least:g} or more"
        raise ValueError(f"{name} is {value:g}; expected {bound}")
