"""Whether more processes serve more."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from tests.bench.cases.streams import take_streams
from tests.bench.figures import Series, shown
from tests.bench.ground import Ground
from tests.bench.processes import BenchError
from tests.bench.rows import Row, at_least
from tests.bench.scale import GIB, MIB
from tests.bench.servers import Server

_STREAMS = 16


@dataclass(frozen=True, slots=True)
class Workers:
    """One worker and two, in turn, on two CPUs that they share with the client."""

    title: str = f"workers 1 → 2, TLS 1.3, {_STREAMS} streams"

    def run(self, ground: Ground) -> Sequence[Row]:
        """
        Both run all the time, and are asked in turn, like all that is compared; the first turn does
        not count.

        @raise BenchError: C{WORKERS=2} makes no second process.
        """
        taken: dict[int, list[_Turn]] = {1: [], 2: []}
        with ExitStack() as stack:
            services = {
                workers: stack.enter_context(ground.service({"WORKERS": str(workers)}))
                for workers in taken
            }
            if len(services[2].process.family()) != 2:
                raise BenchError(f"WORKERS=2 made {len(services[2].process.family())} processes")
            for _ in range(1 + ground.scale.pairs):
                for workers, server in services.items():
                    taken[workers].append(_turn(server, ground))
        single, double = (_throughput(turns[1:]) for turns in taken.values())
        costs = [Series.of([turn.cpu for turn in turns[1:]]).median for turns in taken.values()]
        note = f"{shown(single.median)} and {shown(double.median)} MiB/s"
        note += f"; {shown(costs[0])} and {shown(costs[1])} CPU s/GiB"
        if len(os.sched_getaffinity(0)) < 2:
            note += "; there is one CPU only"
        return (
            Row(
                case=self.title,
                figure="throughput with 2/with 1",
                ours=double.over(single),
                goals=(at_least(1.7),),
                note=note,
            ),
        )


@dataclass(frozen=True, slots=True)
class _Turn:
    throughput: float
    """MiB per second, as long as no worker has done its part: then another has both CPUs."""
    cpu: float
    """The service's, in seconds per GiB."""


def _turn(server: Server, ground: Ground) -> _Turn:
    """One series of streams; a client that sleeps has next to no part in the CPUs."""
    before = server.process.cpu_seconds()
    parts = [(0, ground.scale.stream_bytes)] * _STREAMS
    taken = take_streams(server, parts, tls=True, wake_bytes=MIB)
    cpu = server.process.cpu_seconds() - before
    return _Turn(taken.rate_together / MIB, cpu / (taken.bytes / GIB))


def _throughput(turns: Sequence[_Turn]) -> Series:
    return Series.of([turn.throughput for turn in turns])
