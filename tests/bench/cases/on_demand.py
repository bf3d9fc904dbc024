"""Images that stay at their origin: how fast what is not here comes, and what is here goes out."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import images
from tests.bench.cases.alone import listener
from tests.bench.cases.streams import Streams
from tests.bench.figures import Series, shown
from tests.bench.ground import Ground
from tests.bench.network import slow_line
from tests.bench.pairs import Sample
from tests.bench.processes import run, run_client
from tests.bench.rows import Goal, Row, at_least, at_most, ratio_at_most
from tests.bench.scale import GIB, MIB
from tests.bench.servers import Server, wait_until_healthy

_LINE = 10**9
"""Bits per second."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A first start with an image as large as those for disconnected sites, most of it a hole."""

    title: str = "on demand, start with 60 GiB at the origin"

    def run(self, ground: Ground) -> Sequence[Row]:
        """From the process's beginning; and what its first client waits for."""
        starts, waits = [], []
        source = Path(shutil.copyfile(ground.base, ground.origin / "large.iso"))
        os.truncate(source, 60 * GIB)
        for _ in range(ground.scale.repetitions):
            started = time.perf_counter()
            with _on_demand(ground, _url(ground, source)) as server:
                starts.append(time.perf_counter() - started)
                task = {"server": server.at(tls=False), "path": server.path, "count": 1}
                waits.append(run_client("first_byte", task)["seconds"][0] * 1000)
        source.unlink()
        return (
            Row(
                case=self.title,
                figure="to /health 200",
                unit="s",
                ours=Series.of(starts),
                goals=(at_most(2),),
            ),
            Row(
                case=self.title,
                figure="first byte of the full ISO",
                unit="ms",
                ours=Series.of(waits),
                goals=(at_most(100),),
            ),
        )


@dataclass(frozen=True, slots=True)
class FirstDownload:
    """What nothing is here of yet: the middle of an image, beside the same from its origin."""

    title: str = "on demand, first download"

    def run(self, ground: Ground) -> Sequence[Row]:
        """By curl: from nginx and through the service, in turn; over a line, and without one."""
        figures = "1 Gbit/s to the origin", "nothing between"
        with _at_origin(ground) as url:
            if ground.own_network:
                with slow_line(ground.companion_port, _LINE):
                    over_line = self._row(ground, url, figures[0], (ratio_at_most(1.15),))
            else:
                over_line = Row(case=self.title, figure=figures[0], note="needs root")
            return over_line, self._row(ground, url, figures[1])

    def _row(self, ground: Ground, url: str, figure: str, goals: tuple[Goal, ...] = ()) -> Row:
        start, size = ground.scale.image_bytes // 2, ground.scale.stream_bytes
        direct, through = [], []
        for _ in range(ground.scale.repetitions):
            direct.append(_download(url, start, size))
            with _on_demand(ground, url) as server:
                through.append(_download(server.url(tls=False), start, size))
        rates = [shown(size / MIB / Series.of(each).median) for each in (direct, through)]
        return Row(
            case=self.title,
            figure=f"{figure}, wall",
            unit="s",
            nginx=Series.of(direct),
            ours=Series.of(through),
            goals=goals,
            note=f"{rates[0]} and {rates[1]} MiB/s",
        )


@dataclass(frozen=True, slots=True)
class Warm:
    """All of an image that is here in blocks, beside one that is here as a whole."""

    title: str = "on demand, all blocks here"

    def run(self, ground: Ground) -> Sequence[Row]:
        """One stream of each in turn, as all that is compared."""
        cpus = ground.placement.servers
        with (
            _at_origin(ground) as url,
            ground.service(cpus=cpus) as whole,
            _on_demand(ground, url, cpus) as in_blocks,
        ):
            _download(in_blocks.url(tls=False), 0, ground.scale.image_bytes)
            os.sync()  # or the blocks are being written to the disk meanwhile
            return [self._row(ground, whole, in_blocks, tls=tls) for tls in (False, True)]

    def _row(self, ground: Ground, whole: Server, in_blocks: Server, *, tls: bool) -> Row:
        """The first turn does not count."""
        case = Streams(1, tls)
        turns = [
            [_rate(case.measure(server, ground)) for server in (whole, in_blocks)]
            for _ in range(1 + ground.scale.pairs)
        ]
        theirs, own = (Series.of(each[1:]) for each in zip(*turns, strict=True))
        return Row(
            case=self.title,
            figure=f"{listener(tls=tls)}, throughput with blocks/whole",
            ours=own.over(theirs),
            goals=(at_least(0.9),),
            note=f"{shown(own.median)} and {shown(theirs.median)} MiB/s",
        )


def _rate(sample: Sample) -> float:
    """MiB per second."""
    return sample.work * GIB / MIB / sample.wall


@contextmanager
def _at_origin(ground: Ground) -> Iterator[str]:
    """Have the companion have the image, too; its URL."""
    source = ground.origin / "on-demand.iso"
    os.link(ground.image, source)
    try:
        yield _url(ground, source)
    finally:
        source.unlink()


def _url(ground: Ground, source: Path) -> str:
    return f"http://127.0.0.1:{ground.companion_port}/{source.name}"


@contextmanager
def _on_demand(ground: Ground, url: str, cpus: str = "") -> Iterator[Server]:
    """A service to which the image is new, ready."""
    data = ground.new_path("on-demand")
    data.mkdir()
    settings = {
        **ground.settings,
        "DATA_DIR": str(data),
        "OS_IMAGES": images.os_images(1, url),
        "IMAGE_FETCH": "on-demand",
    }
    try:
        with ground.starting_service(settings, cpus) as server:
            wait_until_healthy(server)
            yield server
    finally:
        shutil.rmtree(data)


def _download(url: str, start: int, size: int) -> float:
    """Seconds that curl takes for so many bytes."""
    curl = ["curl", "--silent", "--fail", "--output", "/dev/null", "--write-out", "%{time_total}"]
    return float(run([*curl, "--range", f"{start}-{start + size - 1}", url]))
