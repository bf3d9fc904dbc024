"""Many slow clients: what they cost, and whether they hold up a fast one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.cases.alone import listener
from tests.bench.cases.streams import take_streams
from tests.bench.figures import Series, shown
from tests.bench.ground import Ground
from tests.bench.processes import BenchError
from tests.bench.rows import Row, at_least, at_most
from tests.bench.scale import MIB
from tests.bench.servers import Server

_SLOW_RATE = 4096
"""Bytes per second of a client that hangs on."""

_DOWNLOADS = 4
_LOOK_SECONDS = 0.3
_MOST_LOOKS = 30


@dataclass(frozen=True, slots=True)
class Throttled:
    """Many downloads at the pace of a slow network; the figure is memory."""

    tls: bool

    @property
    def title(self) -> str:
        """What is done."""
        return f"throttled downloads, 1 MiB/s each, {listener(tls=self.tls)}"

    def run(self, ground: Ground) -> Sequence[Row]:
        """Once: the peak is of the process's whole life."""
        scale = ground.scale
        with ground.service({"MAX_CONCURRENT_REQUESTS": str(scale.throttled)}) as server:
            idle = server.process.peak_memory()
            task = _crowd(server, scale.throttled, MIB, tls=self.tls)
            with ground.client("crowd", task) as crowd:
                time.sleep(scale.throttled_seconds)
                peak = server.process.peak_memory()
                result = crowd.finish()
        _check(result)
        rate = result["bytes"] / result["seconds"] / MIB
        return (
            Row(
                case=self.title,
                figure=f"peak RSS of {scale.throttled}",
                unit="MiB",
                ours=Series.of([peak / MIB]),
                goals=(at_most(120),),
                note=f"{shown(idle / MIB)} MiB before; {shown(rate)} MiB/s in all",
            ),
        )


@dataclass(frozen=True, slots=True)
class Beside:
    """One fast client, alone and beside a crowd that reads next to nothing."""

    tls: bool

    @property
    def title(self) -> str:
        """What is done."""
        return f"a fast client beside slow ones, {listener(tls=self.tls)}"

    def run(self, ground: Ground) -> Sequence[Row]:
        """Alone and beside them, in turn, on the CPUs of clients all of them."""
        scale = ground.scale
        settings = {"MAX_CONCURRENT_REQUESTS": str(2 * scale.slow)}
        alone, beside = [], []
        with ground.service(settings, cpus=ground.placement.servers) as server:
            self._throughput(server, ground)
            for _ in range(scale.repetitions):
                alone.append(self._throughput(server, ground))
                task = _crowd(server, scale.slow, _SLOW_RATE, tls=self.tls)
                with ground.client("crowd", task, cpus=ground.placement.clients) as crowd:
                    _wait_until_served(server)
                    beside.append(self._throughput(server, ground))
                    _check(crowd.finish())
        throughput, undisturbed = Series.of(beside), Series.of(alone)
        return (
            Row(
                case=self.title,
                figure=f"throughput beside {scale.slow}/alone",
                ours=throughput.over(undisturbed),
                goals=(at_least(0.8),),
                note=f"{shown(throughput.median)} and {shown(undisturbed.median)} MiB/s",
            ),
        )

    def _throughput(self, server: Server, ground: Ground) -> float:
        """MiB per second of some downloads, one after the other: one alone is over too soon."""
        whole = [(0, ground.scale.image_bytes)]
        taken = [
            take_streams(server, whole, tls=self.tls, cpus=ground.placement.clients)
            for _ in range(_DOWNLOADS)
        ]
        return sum(one.bytes for one in taken) / MIB / sum(one.seconds for one in taken)


def _wait_until_served(server: Server) -> None:
    """Return once the server has sent the crowd all that their windows take, 400 KiB for each."""
    for _ in range(_MOST_LOOKS):
        before = server.process.cpu_seconds()
        time.sleep(_LOOK_SECONDS)
        if server.process.cpu_seconds() - before < _LOOK_SECONDS / 10:
            return
    raise BenchError("the server is busy with clients that read next to nothing")


def _crowd(server: Server, clients: int, rate: int, *, tls: bool) -> dict[str, object]:
    return {"server": server.at(tls=tls), "path": server.path, "clients": clients, "rate": rate}


def _check(result: dict[str, float]) -> None:
    if result["lost"]:
        raise BenchError(f"the server dropped {result['lost']:g} slow clients")
