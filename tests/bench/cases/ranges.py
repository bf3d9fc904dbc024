"""Small ranges at random places, as virtual media ask for them; the load is wrk's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.cases.alone import listener
from tests.bench.ground import Ground
from tests.bench.pairs import Figure, Sample
from tests.bench.processes import BenchError, run, wakeful
from tests.bench.rows import at_least, ratio_at_least
from tests.bench.servers import Server
from tests.running import found_program

_PIECE = 64 * 1024
_MOST_HEADERS = 1024
_LEAST_RATE = 2500
_SCRIPT = Path(__file__).with_name("ranges.lua")


@dataclass(frozen=True, slots=True)
class Ranges:
    """64 KiB at a time, over connections that are kept."""

    clients: int
    tls: bool

    @property
    def title(self) -> str:
        """What is done."""
        clients = "1 client" if self.clients == 1 else f"{self.clients} clients"
        return f"64 KiB ranges, {listener(tls=self.tls)}, {clients}"

    @property
    def figures(self) -> Sequence[Figure]:
        """There is a rate to reach besides nginx's where most of it is ours to lose."""
        own = (at_least(_LEAST_RATE),) if self.clients > 1 and not self.tls else ()
        return (
            Figure(
                "requests",
                "1/s",
                lambda sample: sample.work / sample.wall,
                (ratio_at_least(0.25), *own),
            ),
        )

    def measure(self, server: Server, ground: Ground) -> Sample:
        """Ask for some seconds."""
        before = server.process.cpu_seconds()
        wrk = [
            found_program("wrk"), "--threads", "1", "--connections", str(self.clients),
            "--timeout", "10s", "--duration", f"{ground.scale.range_seconds}s",
            "--script", str(_SCRIPT), server.url(tls=self.tls).replace("localhost", "127.0.0.1"),
            "--", str(ground.scale.image_bytes // _PIECE),
        ]  # fmt: skip
        with wakeful(ground.placement.clients, ground.new_path("wakeful")) as there:
            output = run([*there, *wrk])
        cpu = server.process.cpu_seconds() - before
        done = json.loads(output.splitlines()[-1])
        _check(done)
        return Sample(done["requests"], done["seconds"], cpu)


def _check(done: dict[str, float]) -> None:
    if done["errors"] or not done["requests"]:
        raise BenchError(f"{done['errors']:g} of {done['requests']:g} range requests failed")
    average = done["bytes"] / done["requests"]
    if average < _PIECE * 0.99 or average > _PIECE + _MOST_HEADERS:
        raise BenchError(f"{average:.0f} bytes for each range; expected some more than {_PIECE}")
