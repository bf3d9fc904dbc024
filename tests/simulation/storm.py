"""The simulation: all hosts boot, and what came of it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from simpy import Environment, Event

from tests.simulation.calls import CALLS, Visit, sets_of_calls
from tests.simulation.flows import Flows
from tests.simulation.measured import MEASURED, read_costs
from tests.simulation.scenario import Boot, Scenario
from tests.simulation.stages import RANGE_BYTES, Limit, Plan, Source, plan

_BATCHES = 2_000
"""Like hosts go in batches; no more than about so many."""

_PART_OF_SLOTS = 10
"""A batch has a tenth of all slots at most, so that hardly any is left over."""


@dataclass(frozen=True, slots=True)
class Booted:
    """Hosts that have all that they need: after how long, and when, in seconds."""

    seconds: float
    at: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    @ivar booted: in the order of their time.
    @ivar waited: the seconds that all hosts together waited, by what they waited for.
    @ivar used: of what is shared: bytes, or CPU seconds.
    @ivar calls: to assisted-service.
    @ivar range_seconds: the longest that a BMC waited for a range; 0 where none asks.
    @ivar crowd: the most hosts that were with one replica at once.
    """

    booted: Sequence[Booted]
    waited: Mapping[Limit, float]
    used: Mapping[Limit, float]
    calls: int
    range_seconds: float
    crowd: int

    def seconds(self, part: float) -> float:
        """How long a host takes, at most, for C{part} of all hosts (nearest rank)."""
        left = math.ceil(part * sum(some.count for some in self.booted))
        for some in sorted(self.booted, key=lambda some: some.seconds):
            left -= some.count
            if left <= 0:
                return some.seconds
        return 0.0

    @property
    def last(self) -> float:
        """When all hosts have booted, in seconds from the beginning of the first."""
        return max((some.at for some in self.booted), default=0.0)

    @property
    def bottleneck(self) -> tuple[Limit, float]:
        """What made the hosts wait longest, and the part of their time that it was."""
        limit, seconds = max(self.waited.items(), key=lambda item: item[1], default=(Limit.HOST, 0))
        return limit, seconds / (sum(self.waited.values()) or 1)


def simulate(scenario: Scenario, report: Path = MEASURED) -> Outcome:
    """
    Boot all hosts.

    They do so twice: the second time with what it costs to fetch configurations as often as the
    first time.

    @param report: of C{make bench}.
    @raise ValueError: the report lacks something.
    """
    costs = read_costs(report, tls=scenario.tls, image=scenario.image)
    steps = plan(scenario, costs)
    requests = scenario.all_hosts * steps.boot[0].requests
    fetching = _Storm(scenario, steps).sets() / max(requests, 1)
    return _Storm(scenario, plan(scenario, costs, fetching)).outcome()


class _Storm:
    """Everything that happens in one run."""

    def __init__(self, scenario: Scenario, steps: Plan) -> None:
        self._scenario = scenario
        self._plan = steps
        self._environment = Environment()
        self._flows = Flows(self._environment, steps.capacities, steps.slots)
        self._batch = max(1, min(scenario.all_hosts // _BATCHES, steps.slots // _PART_OF_SLOTS))
        self._fetches: dict[Source, Event] = {}
        self._booted: list[Booted] = []
        self._visits: list[Visit] = []
        self._waited: defaultdict[Limit, float] = defaultdict(float)
        for first, count in _batches(scenario.all_hosts, self._batch):
            self._environment.process(self._boot(first, count))
        self._environment.run()
        for (stage, limit), seconds in self._flows.waited.items():
            if stage in steps.boot:
                self._waited[limit] += seconds

    def sets(self) -> int:
        """Sets of calls to assisted-service."""
        return sets_of_calls(self._visits, self._plan.boot[0].requests, self._scenario)

    def outcome(self) -> Outcome:
        """What came of it."""
        iso = self._plan.boot[0]
        by_ranges = self._scenario.boot is Boot.MEDIA and iso in self._flows.slowest
        return Outcome(
            booted=self._booted,
            waited=self._waited,
            used=self._flows.used,
            calls=self.sets() * CALLS[self._scenario.image],
            range_seconds=RANGE_BYTES / self._flows.slowest[iso] if by_ranges else 0.0,
            crowd=math.ceil(self._flows.crowd / self._scenario.replicas),
        )

    def _boot(self, first: int, count: int) -> Generator[Event]:
        """Some hosts, from the one with the number C{first} on."""
        clock = self._environment
        yield clock.timeout(self._scenario.spread * first / self._scenario.all_hosts)
        begun = clock.now
        if self._plan.before:
            yield from self._wait_for(self._plan.before, count)
        for stage in self._plan.boot:
            asked = clock.now
            if stage.source:
                self._fetched(stage.source)  # begins with the first who asks, not when he is done
            yield self._flows.carry(stage, count)
            if stage.source:
                yield from self._wait_for(stage.source, count)
            if stage.requests:
                self._visits.append(Visit(first, count, asked, clock.now))
        self._booted.append(Booted(clock.now - begun, clock.now, count))

    def _wait_for(self, source: Source, count: int) -> Generator[Event]:
        since = self._environment.now
        yield self._fetched(source)
        self._waited[source.limit] += (self._environment.now - since) * count

    def _fetched(self, source: Source) -> Event:
        """When there is what comes from a source; whoever asks first has it fetched."""
        if source not in self._fetches:
            self._fetches[source] = self._environment.process(self._fetch(source))
        return self._fetches[source]

    def _fetch(self, source: Source) -> Generator[Event]:
        stage = source.stage
        if stage.source:
            self._fetched(stage.source)
        parts = _batches(source.count, self._batch)
        yield self._environment.all_of([self._flows.carry(stage, count) for _, count in parts])
        if stage.source:
            yield self._fetched(stage.source)


def _batches(count: int, most: int) -> Iterator[tuple[int, int]]:
    """The first of each batch, and how many it has."""
    return ((first, min(most, count - first)) for first in range(0, count, most))
