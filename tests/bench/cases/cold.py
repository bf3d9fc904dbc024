"""Whether the reactor ever waits for the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.cases.alone import listener
from tests.bench.cases.streams import take_streams
from tests.bench.figures import Series, shown
from tests.bench.ground import Ground
from tests.bench.images import drop_from_page_cache
from tests.bench.rows import Row, at_most
from tests.bench.scale import MIB

_STREAMS = 20
_EVERY = 0.005
"""Seconds from one question to the next."""


@dataclass(frozen=True, slots=True)
class Cold:
    """Streams from all over an image that is not in the page cache; the figure is C{/live}'s."""

    tls: bool

    @property
    def title(self) -> str:
        """What is done."""
        return f"cold page cache, {_STREAMS} streams, {listener(tls=self.tls)}"

    def run(self, ground: Ground) -> Sequence[Row]:
        """Each stream reads a part of its own, all of them the whole image."""
        part = ground.scale.image_bytes // _STREAMS
        parts = [(number * part, part) for number in range(_STREAMS)]
        tails, worst, rates = [], [], []
        with ground.service() as server:
            for _ in range(ground.scale.repetitions):
                drop_from_page_cache(ground.image, [start + part // 2 for start, _ in parts])
                task = {"server": server.at(tls=False), "path": "/live", "every": _EVERY}
                with ground.client("pulse", task) as pulse:
                    taken = take_streams(server, parts, tls=self.tls)
                    seconds = Series.of(pulse.finish()["seconds"])
                tails.append(seconds.quantile(0.99) * 1000)
                worst.append(seconds.high * 1000)
                rates.append(taken.bytes / MIB / taken.seconds)
        return (
            Row(
                case=self.title,
                figure="/live p99",
                unit="ms",
                ours=Series.of(tails),
                goals=(at_most(50),),
                note=f"worst {shown(max(worst))} ms; {shown(Series.of(rates).median)} MiB/s",
            ),
        )
