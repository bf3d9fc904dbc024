"""What the boot of a host consists of, and what each part of it takes of whom."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tests.bench.scale import MIB
from tests.simulation.measured import Costs
from tests.simulation.scenario import Boot, Fetch, Image, Scenario

RANGE_BYTES = 64 * 1024
"""What a BMC asks for at a time."""

_GOODPUT = 1448 / 1538
"""Of what a link carries, what is content: a full packet of TCP over Ethernet, with its gap."""


class Limit(StrEnum):
    """What makes hosts wait; those with a capacity are shared, the others are each host's own."""

    NETWORK = "network of the replicas"
    CPU = "CPU of the replicas"
    SITES = "links of the sites"
    ORIGIN = "origin of the image"
    CDN = "filling of the CDN"
    SLOTS = "MAX_CONCURRENT_REQUESTS"
    HOST = "hosts themselves"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Stage:
    """
    Bytes that each of some hosts needs.

    @ivar most: bytes per second that one host takes, if nobody else is there.
    @ivar uses: how much each byte takes of what is shared: bytes, or CPU seconds.
    @ivar requests: how many a host makes for it that need a configuration.
    @ivar slot: whether a host has one of the service's slots meanwhile.
    @ivar source: who has to fetch the same before it is there as a whole.
    """

    name: str
    bytes: float
    most: float
    uses: Mapping[Limit, float] = field(repr=False)
    requests: int = 0
    slot: bool = False
    source: Source | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """
    A stage that C{count} replicas, or edges, go through once, for all hosts.

    @ivar limit: what hosts wait for meanwhile.
    """

    stage: Stage
    count: int
    limit: Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    @ivar boot: what each host goes through, the ISO first.
    @ivar capacities: of what is shared, per second.
    @ivar before: what has to be over before any host is served.
    """

    boot: tuple[Stage, ...]
    capacities: Mapping[Limit, float]
    slots: int
    before: Source | None


def plan(scenario: Scenario, costs: Costs, fetching: float = 0) -> Plan:
    """
    How each host boots.

    @param fetching: the part of all requests for the ISO that fetches a configuration.
    """
    size = scenario.full_mib if scenario.image is Image.FULL else scenario.minimal_mib
    iso = _iso(scenario, costs, size * MIB, fetching * costs.configuration)
    boot = (iso, _rootfs(scenario, costs)) if scenario.image is Image.MINIMAL else (iso,)
    return Plan(
        boot=boot,
        capacities={
            Limit.NETWORK: scenario.replicas * _gbit(scenario.gbit),
            Limit.CPU: scenario.replicas * scenario.workers,
            Limit.SITES: scenario.sites * _gbit(scenario.site_gbit),
            Limit.ORIGIN: _gbit(scenario.origin_gbit),
        },
        slots=scenario.replicas * scenario.slots,
        before=_fetched(scenario, scenario.full_mib * MIB, Fetch.WHOLE),
    )


def _iso(scenario: Scenario, costs: Costs, size: float, configuring: float) -> Stage:
    source = _fetched(scenario, size, Fetch.ON_DEMAND)
    if scenario.boot is Boot.HTTP:
        cpu = costs.byte + configuring / size
        return _stream(scenario, "ISO", size, cpu, requests=1, source=source)
    each = costs.range + configuring
    alone = each + scenario.rtt_ms / 1000 + RANGE_BYTES / _gbit(scenario.bmc_mbit / 1000)
    return Stage(
        name="ISO",
        bytes=size,
        most=RANGE_BYTES / alone,
        uses=_to_sites(each / RANGE_BYTES),
        requests=math.ceil(size / RANGE_BYTES),
        source=source,
    )


def _rootfs(scenario: Scenario, costs: Costs) -> Stage:
    size = scenario.rootfs_mib * MIB
    source = _fetched(scenario, size, Fetch.ON_DEMAND)
    served = _stream(scenario, "root file system", size, costs.byte, source=source)
    if not scenario.cdn:
        return served
    filled = replace(served, name="root file system to the CDN", uses=_from_replicas(costs.byte))
    return Stage(
        name="root file system from the CDN",
        bytes=size,
        most=min(_gbit(scenario.host_gbit), _gbit(scenario.site_gbit)),
        uses={Limit.SITES: 1},
        source=Source(filled, min(scenario.cdn, scenario.sites), Limit.CDN),
    )


def _stream(
    scenario: Scenario,
    name: str,
    size: float,
    cpu: float,
    *,
    requests: int = 0,
    source: Source | None,
) -> Stage:
    fastest = min(_gbit(scenario.host_gbit), _gbit(scenario.site_gbit), _gbit(scenario.gbit))
    return Stage(
        name=name,
        bytes=size,
        most=min(fastest, 1 / cpu),
        uses=_to_sites(cpu),
        requests=requests,
        slot=True,
        source=source,
    )


def _from_replicas(cpu: float) -> dict[Limit, float]:
    return {Limit.NETWORK: 1, Limit.CPU: cpu}


def _to_sites(cpu: float) -> dict[Limit, float]:
    return {**_from_replicas(cpu), Limit.SITES: 1}


def _fetched(scenario: Scenario, size: float, when: Fetch) -> Source | None:
    """What each replica fetches of the image, where they do so at all."""
    if scenario.fetch is not when:
        return None
    stage = Stage(
        name="image from its origin",
        bytes=size,
        most=_gbit(scenario.gbit),
        uses={Limit.ORIGIN: 1},
    )
    return Source(stage, scenario.replicas, Limit.ORIGIN)


def _gbit(rate: float) -> float:
    """Bytes of content per second of a link."""
    return rate * 1e9 / 8 * _GOODPUT
