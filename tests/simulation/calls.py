"""How often assisted-service is asked for configurations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.simulation.scenario import Boot, Image, Scenario

CALLS = {Image.FULL: 2, Image.MINIMAL: 3}
"""Of a set, which brings one configuration (docs/reference/http-api.md)."""


@dataclass(frozen=True, slots=True)
class Visit:
    """
    When some hosts, which follow each other in number, ask for the ISO.

    @ivar first: the first one's number; the sites take turns with numbers, and so do the replicas.
    @ivar begin: the time of the first request, in seconds.
    @ivar end: the time of the last one.
    """

    first: int
    count: int
    begin: float
    end: float


def sets_of_calls(visits: Iterable[Visit], requests: int, scenario: Scenario) -> int:
    """
    How many sets of calls reach assisted-service.

    Each replica asks once for each infra-env, and again with the first request after
    C{CONFIG_SHARE_SECONDS}; those with a cache in common are as one.  A host has one connection,
    and so one replica.

    @param requests: how many each host makes for its ISO.
    """
    if not scenario.share:
        return scenario.all_hosts * requests
    askers = scenario.sites * (1 if scenario.cache else scenario.replicas)
    asked: list[list[Visit]] = [[] for _ in range(askers)]
    for visit in visits:
        for host in range(visit.first, visit.first + visit.count):
            asked[host % askers].append(visit)
    by_ranges = scenario.boot is Boot.MEDIA
    return sum(_times(some, scenario.share, by_ranges=by_ranges) for some in asked)


def _times(visits: Sequence[Visit], share: float, *, by_ranges: bool) -> int:
    """
    How often one asks for one infra-env.

    @param by_ranges: requests come all through the visit, not only at its beginning.
    """
    times, until = 0, -math.inf
    for visit in sorted(visits, key=lambda visit: visit.begin):
        if visit.begin >= until:
            times += 1
            until = visit.begin + share
        if by_ranges and visit.end > until:
            again = math.ceil((visit.end - until) / share)
            times += again
            until += again * share
    return times
