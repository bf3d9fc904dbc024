"""How long a client waits for a discovery image to begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.figures import Series
from tests.bench.ground import Ground
from tests.bench.processes import run_client
from tests.bench.rows import Row, at_most
from tests.bench.servers import ignition_path, iso_path

_MS = 1000


@dataclass(frozen=True, slots=True)
class FirstByte:
    """
    A configuration fetched for each request from an assisted-service that answers at once.

    @ivar kind: C{full} or C{minimal}.
    """

    kind: str

    @property
    def title(self) -> str:
        """What is done."""
        return f"time to first byte, {self.kind} ISO"

    def run(self, ground: Ground) -> Sequence[Row]:
        """Each run is a series of requests one after the other, of the service and of AS."""
        medians, beyond, tails = [], [], []
        with ground.service({"CONFIG_SHARE_SECONDS": "0"}) as server:
            for _ in range(ground.scale.repetitions):
                asked = _times(ground, {"port": ground.companion_port, "authority": None}, None)
                answered = _times(ground, server.at(tls=False), self.kind)
                beyond.append((answered.median - asked.median) * _MS)
                medians.append(answered.median * _MS)
                tails.append(answered.quantile(0.99) * _MS)
        note = f"{Series.of(medians).median:.2f} ms with AS's"
        return (
            Row(
                case=self.title,
                figure="p50 beyond AS's own",
                unit="ms",
                ours=Series.of(beyond),
                goals=(at_most(3),),
                note=note,
            ),
            Row(
                case=self.title,
                figure="p99, AS's own included",
                unit="ms",
                ours=Series.of(tails),
                goals=(at_most(15),),
            ),
        )


def _times(ground: Ground, server: dict[str, object], kind: str | None) -> Series:
    path = ignition_path() if kind is None else iso_path(kind)
    task = {"server": server, "path": path, "count": ground.scale.first_bytes}
    return Series.of(run_client("first_byte", task)["seconds"])
