"""Whether more processes serve more."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.cases.streams import take_streams
from tests.bench.figures import Series, shown
from tests.bench.ground import Ground
from tests.bench.processes import BenchError
from tests.bench.rows import Row, at_least
from tests.bench.scale import MIB

_STREAMS = 16


@dataclass(frozen=True, slots=True)
class Workers:
    """One worker and two, in turn, on two CPUs that they share with the client."""

    title: str = f"workers 1 → 2, TLS 1.3, {_STREAMS} streams"

    def run(self, ground: Ground) -> Sequence[Row]:
        """
        In turn, like all that is compared.

        @raise BenchError: C{WORKERS=2} makes no second process.
        """
        one, two = [], []
        for _ in range(ground.scale.repetitions):
            one.append(self._throughput(ground, 1))
            two.append(self._throughput(ground, 2))
        single, double = Series.of(one), Series.of(two)
        note = f"{shown(single.median)} and {shown(double.median)} MiB/s"
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

    def _throughput(self, ground: Ground, workers: int) -> float:
        """MiB per second."""
        with ground.service({"WORKERS": str(workers)}) as server:
            if len(server.process.family()) != workers:
                raise BenchError(f"WORKERS={workers} made {len(server.process.family())} processes")
            parts = [(0, ground.scale.stream_bytes)] * _STREAMS
            taken = take_streams(server, parts, tls=True, wake_bytes=MIB)
            return taken.bytes / MIB / taken.seconds
