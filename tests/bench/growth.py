"""
How cost grows: with streams, with the length of ranges, with the size of an image and with the
number of images.  C{make bench-growth}.

Nothing is compared and nothing has to be reached; the tables are printed, for
docs/explanation/performance.md.
"""

from __future__ import annotations

import http.client
import os
import random
import shutil
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.bench import images
from tests.bench.cases.streams import take_streams
from tests.bench.ground import Ground, prepared_ground
from tests.bench.network import enter_own_network
from tests.bench.scale import FULL, GIB, MIB
from tests.bench.servers import Server, wait_until_healthy

_STREAMS = (1, 4, 16, 64, 256)
_STREAM_BYTES = 4 * GIB
"""Of all streams together."""

_RANGES = (4096, 64 * 1024, MIB)
_REQUESTS = 2000
_WINDOW = 256 * MIB
_IMAGE_GIB = (1, 4, 16)
_IMAGES = (1, 10, 40, 99)


def main(directory: Path) -> None:
    """Measure everything, with files in C{directory}."""
    with prepared_ground(directory, replace(FULL, image_bytes=GIB)) as ground:
        images.bring_into_page_cache(ground.image)
        _streams(ground)
        _ranges(ground)
        _sizes(ground)
        _numbers(ground)


def _streams(ground: Ground) -> None:
    _table("streams at once", "CPU s/GiB, plain", "CPU s/GiB, TLS", "peak RSS, MiB")
    for count in _STREAMS:
        cpu = []
        with ground.service(cpus=ground.placement.servers) as server:
            for tls in (False, True):
                before = server.process.cpu_seconds()
                part = (0, min(GIB, _STREAM_BYTES // count))
                cpus = ground.placement.clients
                taken = take_streams(server, [part] * count, tls=tls, cpus=cpus)
                cpu.append((server.process.cpu_seconds() - before) / (taken.bytes / GIB))
            _row(count, f"{cpu[0]:.3f}", f"{cpu[1]:.3f}", server.process.peak_memory() // MIB)


def _ranges(ground: Ground) -> None:
    _table("bytes of a range", "CPU µs, plain")
    with ground.service() as server:
        for length in _RANGES:
            _row(length, f"{_range_cost(server, ground.image, length):.0f}")


def _sizes(ground: Ground) -> None:
    _table("GiB of an image", "CPU µs for 64 KiB of it", "start, s", "RSS, MiB")
    for size in _IMAGE_GIB:
        data = ground.new_path("size")
        data.mkdir()
        image = data / images.file_name(0)
        shutil.copyfile(ground.base, image)
        os.truncate(image, size * GIB)  # what is not written takes no room
        settings = {**ground.settings, "DATA_DIR": str(data)}
        with ground.starting_service(settings) as server:
            wait_until_healthy(server)
            server.process.wait_until(partial(_remembered, data, 1), "records", 120)
        started = time.perf_counter()
        with ground.starting_service(settings) as server:
            wait_until_healthy(server)
            seconds = time.perf_counter() - started
            cost = _range_cost(server, image, 64 * 1024)
            _row(size, f"{cost:.0f}", f"{seconds:.2f}", server.process.peak_memory() // MIB)
        shutil.rmtree(data)


def _numbers(ground: Ground) -> None:
    _table("images", "start, s", "RSS, MiB")
    data = ground.new_path("number")
    data.mkdir()
    for count in _IMAGES:
        for number in range(count):
            if not (image := data / images.file_name(number)).exists():
                shutil.copyfile(ground.base, image)
        settings = {
            **ground.settings,
            "DATA_DIR": str(data),
            "OS_IMAGES": images.os_images(count),
        }
        with ground.starting_service(settings) as server:
            wait_until_healthy(server)
            server.process.wait_until(partial(_remembered, data, count), "records", 120)
        started = time.perf_counter()
        with ground.starting_service(settings) as server:
            wait_until_healthy(server)
            seconds = time.perf_counter() - started
            _row(count, f"{seconds:.2f}", server.process.peak_memory() // MIB)
    shutil.rmtree(data)


def _range_cost(server: Server, image: Path, length: int) -> float:
    """
    The server's CPU time for a range of C{length} bytes, in microseconds: at random places in the
    last part of an image, which is in the page cache.
    """
    first = image.stat().st_size - _WINDOW
    with image.open("rb", buffering=0) as file:
        file.seek(first)
        while file.read(MIB):
            pass
    chance = random.Random(length)
    connection = http.client.HTTPConnection("127.0.0.1", server.ports["http"], timeout=60)

    def ask(times: int) -> None:
        for _ in range(times):
            start = first + chance.randrange(_WINDOW - length)
            fields = {"Range": f"bytes={start}-{start + length - 1}"}
            connection.request("GET", server.path, headers=fields)
            assert len(connection.getresponse().read()) == length

    ask(100)
    before = server.process.cpu_seconds()
    ask(_REQUESTS)
    connection.close()
    return 1e6 * (server.process.cpu_seconds() - before) / _REQUESTS


def _remembered(data: Path, count: int) -> bool:
    return len(list(data.glob("rhcos-*.checked.json"))) >= count


def _table(*heads: str) -> None:
    print()
    _row(*heads)
    _row(*["---"] * len(heads))


def _row(*cells: object) -> None:
    print("|", " | ".join(map(str, cells)), "|", flush=True)


if __name__ == "__main__":
    enter_own_network()
    output = Path("build/bench")
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output) as name:
        main(Path(name).resolve())
