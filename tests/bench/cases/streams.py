"""Whole images as streams: how long a GiB takes, and how much CPU."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from tests.bench.cases.alone import listener
from tests.bench.ground import Ground
from tests.bench.pairs import Figure, Sample
from tests.bench.processes import run_client
from tests.bench.rows import ratio_at_most
from tests.bench.scale import GIB
from tests.bench.servers import Server

_LEVEL = (ratio_at_most(1.05),)
_BESIDE_OTHERS = (ratio_at_most(1.2),)

_PACKET = 64 * 1024
"""Bytes that pass from socket to socket at once on one machine."""


@dataclass(frozen=True, slots=True)
class Streams:
    """Full ISOs, some at once."""

    count: int
    tls: bool

    busy: bool = False
    """Whether another program wants each CPU."""

    @property
    def title(self) -> str:
        """What is done."""
        streams = "1 stream" if self.count == 1 else f"{self.count} streams"
        beside = ", beside busy programs" if self.busy else ""
        return f"full ISO, {listener(tls=self.tls)}, {streams}{beside}"

    @property
    def figures(self) -> Sequence[Figure]:
        """CPU counts only where there is something to compute."""
        level = _BESIDE_OTHERS if self.busy else _LEVEL
        return (
            Figure("wall", "s/GiB", lambda sample: sample.wall / sample.work, level),
            Figure(
                "CPU", "s/GiB", lambda sample: sample.cpu / sample.work, _LEVEL if self.tls else ()
            ),
        )

    def measure(self, server: Server, ground: Ground) -> Sample:
        """Take the streams once."""
        scale = ground.scale
        one_of_many = self.tls and self.count > 1
        size = scale.stream_bytes if one_of_many else scale.image_bytes
        before = server.process.cpu_seconds()
        parts = [(0, size)] * self.count
        with ExitStack() as stack:
            if self.busy:
                ground.keep_busy(stack)
            taken = take_streams(server, parts, tls=self.tls, cpus=ground.placement.clients)
        cpu = server.process.cpu_seconds() - before
        return Sample(taken.bytes / GIB, taken.seconds, cpu)


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of streams."""

    bytes: int
    seconds: float

    rate_together: float
    """Bytes per second, as long as all of them went on; with those that TLS adds."""


def take_streams(
    server: Server,
    parts: Sequence[tuple[int, int]],
    *,
    tls: bool,
    cpus: str = "",
    wake_bytes: int = _PACKET,
) -> Taken:
    """
    Take streams of the image at once, as fast as they come.

    @param parts: for each, where it begins and how many bytes are taken of it.
    @param cpus: CPUs that are the client's alone: it does not sleep then; empty: any.
    @param wake_bytes: how many have to be there before a client that sleeps is woken for them.
    """
    requests = [
        {
            "path": server.path,
            "fields": {"Range": f"bytes={start}-"} if start else {},
            "bytes": length,
        }
        for start, length in parts
    ]
    taken = run_client(
        "drain",
        {
            "server": server.at(tls=tls),
            "requests": requests,
            "wake_bytes": 0 if cpus else wake_bytes,
        },
        cpus,
    )
    together = taken["together"]
    return Taken(taken["bytes"], taken["seconds"], together["bytes"] / together["seconds"])
