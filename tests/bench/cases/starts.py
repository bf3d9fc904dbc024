"""How long it takes until the service is ready."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import images
from tests.bench.figures import Series, shown
from tests.bench.ground import Ground
from tests.bench.processes import run
from tests.bench.rows import Row, at_most
from tests.bench.scale import MIB
from tests.bench.servers import wait_until_healthy

_SMALL_PROGRAM = 256 * 1024
"""Bytes of nmstatectl: what was derived from an image is not derived again, however large it is."""


@dataclass(frozen=True, slots=True)
class Restart:
    """A start with images that have been served before."""

    title: str = "start with images on disk"

    def run(self, ground: Ground) -> Sequence[Row]:
        """The first start checks them and derives what there is to derive; it does not count."""
        count = ground.scale.images
        data = ground.new_path("many")
        data.mkdir()
        base = images.write_base_image(ground.new_path("base"), _SMALL_PROGRAM)
        for number in range(count):
            shutil.copyfile(base, data / images.file_name(number))
        settings = {
            **ground.settings,
            "DATA_DIR": str(data),
            "OS_IMAGES": images.os_images(count),
        }
        with ground.starting_service(settings) as server:
            wait_until_healthy(server)
            server.process.wait_until(lambda: _remembered(data, count), "records", 60)
        seconds = [_start(ground, settings) for _ in range(ground.scale.repetitions)]
        shutil.rmtree(data)
        return (
            Row(
                case=self.title,
                figure=f"to /health 200 with {count}",
                unit="s",
                ours=Series.of(seconds),
                goals=(at_most(2),),
            ),
        )


@dataclass(frozen=True, slots=True)
class FirstStart:
    """A start that downloads its image, checks it, and makes the minimal ISO."""

    title: str = "first start, from a local origin"

    def run(self, ground: Ground) -> Sequence[Row]:
        """In turn with curl, which puts the same file on the same disk and does nothing else."""
        size = ground.scale.origin_image_bytes
        source = images.write_image_of(size, ground.base, ground.origin / "image.iso")
        url = f"http://127.0.0.1:{ground.companion_port}/{source.name}"
        copies, beyond = [], []
        for _ in range(ground.scale.repetitions):
            copies.append(_copy(url, ground.new_path("copy")))
            data = ground.new_path("first")
            data.mkdir()
            settings = {
                **ground.settings,
                "DATA_DIR": str(data),
                "OS_IMAGES": images.os_images(1, url),
            }
            os.sync()
            beyond.append(_start(ground, settings) - copies[-1])
            shutil.rmtree(data)
        source.unlink()
        return (
            Row(
                case=self.title,
                figure=f"beyond the bare copy of {shown(size / MIB)} MiB",
                unit="s",
                ours=Series.of(beyond),
                goals=(at_most(3),),
                note=f"the copy takes {shown(Series.of(copies).median)} s",
            ),
        )


def _start(ground: Ground, settings: Mapping[str, str]) -> float:
    """Seconds from the process's beginning to C{/health} 200."""
    started = time.perf_counter()
    with ground.starting_service(settings) as server:
        wait_until_healthy(server)
        return time.perf_counter() - started


def _copy(url: str, target: Path) -> float:
    """Seconds until a download is on the disk."""
    os.sync()
    started = time.perf_counter()
    run(["curl", "--silent", "--fail", "--output", str(target), url])
    run(["sync", str(target)])
    seconds = time.perf_counter() - started
    target.unlink()
    return seconds


def _remembered(data: Path, count: int) -> bool:
    """Whether the next start need not hash them: each image has a record of its own."""
    return sum(1 for path in data.glob("*full-iso*") if path.suffix != ".iso") >= count
