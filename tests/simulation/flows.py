"""Hosts that get their bytes at the same time, as a fluid: rates change with every event."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count as counter

from simpy import Environment, Event

from tests.simulation.fairness import Share, fair_shares
from tests.simulation.stages import Limit, Stage

_WHOLE = 1 - 1e-9
"""Of what is to come: so much is all of it, but for the rounding of floating point numbers."""


@dataclass(slots=True)
class _Stream:
    """
    The hosts at one stage.  All have the same rate, so that one number says how far they are.

    @ivar carried: bytes that a host has got that was there all the time.
    @ivar ends: for each batch what C{carried} will be when it has all its bytes.
    """

    carried: float = 0.0
    hosts: int = 0
    ends: list[tuple[float, int, int, Event]] = field(default_factory=list)


class Flows:
    """
    Carries bytes to hosts, who share what there is (processor sharing).

    @ivar used: how much has been used of what is shared: bytes, or CPU seconds.
    @ivar waited: the seconds that the hosts at each stage were made to wait, and by what.
    @ivar slowest: for each stage the lowest rate that a host had.
    @ivar crowd: the most hosts that were with the replicas at once, waiting for slots included.
    """

    def __init__(
        self, environment: Environment, capacities: Mapping[Limit, float], slots: int
    ) -> None:
        self.used: defaultdict[Limit, float] = defaultdict(float)
        self.waited: defaultdict[tuple[Stage, Limit], float] = defaultdict(float)
        self.slowest: dict[Stage, float] = {}
        self.crowd = 0
        self._environment = environment
        self._capacities = capacities
        self._slots = slots
        self._queue: deque[tuple[Stage, int, Event]] = deque()
        self._queued: Counter[Stage] = Counter()
        self._streams: dict[Stage, _Stream] = {}
        self._shares: dict[Stage, Share] = {}
        self._since = 0.0
        self._numbers = counter()
        self._due: Event | None = None

    def carry(self, stage: Stage, count: int) -> Event:
        """
        Carry a stage's bytes to some hosts, once there are slots for them.

        @param count: at most as many as there are slots.
        @return: when they have them.
        """
        self._advance()
        done = self._environment.event()
        if stage.slot:
            self._queue.append((stage, count, done))
            self._queued[stage] += count
        else:
            self._begin(stage, count, done)
        self._change()
        return done

    def _begin(self, stage: Stage, count: int, done: Event) -> None:
        stream = self._streams.setdefault(stage, _Stream())
        stream.hosts += count
        end = stream.carried + stage.bytes
        heapq.heappush(stream.ends, (end, next(self._numbers), count, done))

    def _advance(self) -> None:
        """Account for the time since the last event, in which no rate has changed."""
        seconds = self._environment.now - self._since
        self._since = self._environment.now
        if not seconds:
            return
        for stage, share in self._shares.items():
            stream = self._streams[stage]
            stream.carried += seconds * share.rate
            self.waited[stage, share.limit] += seconds * stream.hosts
            for used, amount in stage.uses.items():
                self.used[used] += seconds * share.rate * stream.hosts * amount
        for stage, count in self._queued.items():
            if count:
                self.waited[stage, self._limit_of_slots()] += seconds * count

    def _limit_of_slots(self) -> Limit:
        """What who waits for a slot waits for: more slots help only while those with one idle."""
        limits = {share.limit for stage, share in self._shares.items() if stage.slot}
        return Limit.SLOTS if limits == {Limit.HOST} else min(limits - {Limit.HOST})

    def _change(self) -> None:
        """Let in whom there are slots for, and see to it that the next event is known."""
        while self._queue and self._queue[0][1] <= self._slots:
            stage, count, done = self._queue.popleft()
            self._queued[stage] -= count
            self._slots -= count
            self._begin(stage, count, done)
        hosts = {stage: stream.hosts for stage, stream in self._streams.items()}
        self._shares = fair_shares(hosts, self._capacities)
        self._watch()
        if self._shares:
            delay = min(map(self._seconds_to_next_end, self._shares))
            self._due = self._environment.timeout(delay)
            assert self._due.callbacks is not None
            self._due.callbacks.append(self._end)

    def _watch(self) -> None:
        for stage, share in self._shares.items():
            self.slowest[stage] = min(share.rate, self.slowest.get(stage, share.rate))
        served = sum(self._streams[stage].hosts for stage in self._shares if _is_served(stage))
        self.crowd = max(self.crowd, served + self._queued.total())

    def _seconds_to_next_end(self, stage: Stage) -> float:
        stream = self._streams[stage]
        return max(0.0, stream.ends[0][0] - stream.carried) / self._shares[stage].rate

    def _end(self, due: Event) -> None:
        """Let those go who have all their bytes."""
        if due is not self._due:
            return  # something has changed since
        self._advance()
        for stage in self._shares:
            stream = self._streams[stage]
            while stream.ends and stream.ends[0][0] * _WHOLE <= stream.carried:
                _, _, count, done = heapq.heappop(stream.ends)
                stream.hosts -= count
                self._slots += count if stage.slot else 0
                done.succeed()
            if not stream.hosts:
                stream.carried = 0.0
        self._change()


def _is_served(stage: Stage) -> bool:
    return Limit.NETWORK in stage.uses
