"""Who gets how much of what is shared: as much as everybody else, up to what he can take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.simulation.stages import Limit, Stage


@dataclass(frozen=True, slots=True)
class Share:
    """
    @ivar rate: bytes per second of each host.
    @ivar limit: why it is not more.
    """

    rate: float
    limit: Limit


def fair_shares(
    hosts: Mapping[Stage, int], capacities: Mapping[Limit, float]
) -> dict[Stage, Share]:
    """
    The max-min fair rates (progressive filling: Bertsekas and Gallager, Data Networks, section
    6.5.2): all rise together, until a capacity is used up or a host can take no more.

    @param hosts: how many there are at each stage; none at 0.
    """
    left = dict(capacities)
    rising = {stage: count for stage, count in hosts.items() if count}
    shares: dict[Stage, Share] = {}
    while rising:
        rate, limit, stopped = _next_stop(rising, left)
        for stage in stopped:
            shares[stage] = Share(rate, limit)
            for used, amount in stage.uses.items():
                left[used] = max(0.0, left[used] - rising[stage] * rate * amount)
            del rising[stage]
    return shares


def _next_stop(
    rising: Mapping[Stage, int], left: Mapping[Limit, float]
) -> tuple[float, Limit, list[Stage]]:
    """The lowest rate at which some cannot rise on, why, and which those are."""
    slowest = min(rising, key=lambda stage: stage.most)
    rate, limit, stopped = slowest.most, Limit.HOST, [slowest]
    for shared, amount in left.items():
        wanted = sum(count * stage.uses.get(shared, 0.0) for stage, count in rising.items())
        if wanted and amount / wanted < rate:
            rate, limit = amount / wanted, shared
            stopped = [stage for stage in rising if shared in stage.uses]
    return rate, limit, stopped
