"""
How long C{/live} takes to answer while everything else is slow: C{make bench-latency}.

Many clients download an image whose pages are thrown out of the page cache all the while, and
another image is hashed.  Nothing is asserted; the figures are printed, in milliseconds.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react
from twisted.internet.threads import deferToThread
from twisted.internet.utils import getProcessValue

from demo.certificate import development_certificate
from demo.infra_env import INFRA_ENV_ID, write_infra_env
from demo.service import ServiceProcess
from tests.bench.network import enter_own_network
from tests.field.images import SMALLEST, file_name, noisy_image, os_images
from tests.running import base_environment, found_program

MIB = 1 << 20
_HASHED_GIB = 8
"""Most of it is a hole: to hash it takes long, and no disk."""

_EVICTIONS = 0.05
"""Seconds between two of the moments when the pages are thrown out."""


async def measure(reactor: Any, directory: Path, downloads: int, mib: int) -> None:
    """Print the latencies of C{/live}, idle and under load, over both listeners."""
    data = directory / "data"
    data.mkdir()
    served = data / file_name("1")
    for path in (served, data / file_name("2")):
        _write(path, mib)
    write_infra_env(directory / "infra-envs" / INFRA_ENV_ID, b'{"ignition": {"version": "3.2.0"}}')
    files = development_certificate(directory / "certificate")
    nobody = "http://127.0.0.1:1/nobody"
    # No image has this digest: the second is hashed to its end, and set aside.
    entries = {"version": "1", "url": nobody}, {"version": "2", "url": nobody, "sha256": "0" * 64}
    settings = SMALLEST | {
        **os_images(*entries),
        "DATA_DIR": str(data),
        "INFRA_ENVS_DIR": str(directory / "infra-envs"),
        "IMAGE_SERVICE_BASE_URL": "https://images.example",
        "HTTPS_CERT_FILE": str(files.certificate),
        "HTTPS_KEY_FILE": str(files.key),
        "LISTEN_PORT": "0",
        "HTTP_LISTEN_PORT": "0",
        "HTTP_SERVES": "all",
    }

    async def under_load(scheme: str) -> None:
        _write(data / file_name("2"), 1)
        os.truncate(data / file_name("2"), _HASHED_GIB << 30)
        service = ServiceProcess(reactor, base_environment() | settings)
        await service.start(60)
        await service.wait_for(lambda: "ready" in _states(service, "1"), "be ready", 60)
        url = service.url(f"/byid/{INFRA_ENV_ID}/1/x86_64/full.iso", scheme)
        over = threading.Event()
        evicting = deferToThread(_evict, [served, data / file_name("2")], over)
        asking = deferToThread(_ask, service.ports["http"], over)
        started = time.monotonic()
        statuses = await _download(url, files.authority, downloads)
        seconds = time.monotonic() - started
        over.set()
        await evicting
        busy = await asking
        over = threading.Event()
        reactor.callLater(2, over.set)
        idle = await deferToThread(_ask, service.ports["http"], over)
        begun, ended = _time_of_hash(service)
        hashing = [one for one in busy if begun <= one[0] <= ended]
        rest = [one for one in busy if one not in hashing]
        print(
            f"{scheme}: {downloads} downloads of {mib} MiB out of a cold cache in {seconds:.1f} s"
            f" ({statuses.count(0)} whole); /live while an image of {_HASHED_GIB} GiB is hashed as"
            f" well, {ended - begun:.1f} s: {_figures(hashing)}; without that: {_figures(rest)};"
            f" idle: {_figures(idle)}"
        )
        await service.stop(60)

    for scheme in ("http", "https"):
        await under_load(scheme)


def _write(path: Path, mib: int) -> None:
    image = noisy_image()
    with path.open("wb") as file:
        file.write(image)
        while file.tell() < mib * MIB:  # an ISO may be larger than its volume
            file.write(image)
        file.flush()
        os.fsync(file.fileno())


def _states(service: ServiceProcess, version: str) -> list[str]:
    return [
        event["state"]
        for event in service.events
        if event.get("version") == version and "state" in event
    ]


def _time_of_hash(service: ServiceProcess) -> tuple[float, float]:
    """When the second image's first check began and ended, in Unix time; later ones are retries."""
    begun = 0.0
    for event in service.events:
        if event.get("version") == "2" and "state" in event:
            time_of = datetime.fromisoformat(event["time"]).timestamp()
            if event["state"] == "checking":
                begun = begun or time_of
            elif begun:
                return begun, time_of
    return begun, time.time()


def _evict(paths: Sequence[Path], over: threading.Event) -> None:
    """Throw the files' pages out of the cache, again and again."""
    descriptors = [os.open(path, os.O_RDONLY) for path in paths]
    while not over.wait(_EVICTIONS):
        for descriptor in descriptors:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    for descriptor in descriptors:
        os.close(descriptor)


def _ask(port: int, over: threading.Event) -> list[tuple[float, float]]:
    """
    Ask for C{/live} on connections of their own, one after the other; for each its moment, in Unix
    time, and the seconds that it took.
    """
    taken = []
    while not over.wait(0.01):
        started = time.perf_counter()
        with socket.create_connection(("127.0.0.1", port), 60) as connection:
            connection.sendall(b"GET /live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            while connection.recv(4096):
                pass
        taken.append((time.time(), time.perf_counter() - started))
    return taken


def _figures(taken: list[tuple[float, float]]) -> str:
    ordered = sorted(1000 * seconds for _, seconds in taken)
    if not ordered:
        return "never asked"

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    return (
        f"p50 {at(0.5):.1f} ms, p99 {at(0.99):.1f} ms, worst {ordered[-1]:.1f} ms of {len(ordered)}"
    )


async def _download(url: str, authority: Path, downloads: int) -> Sequence[int]:
    """Start the downloads; curl's exit statuses, when all are over."""
    arguments = ["--silent", "--fail", "--cacert", str(authority), "--output", "/dev/null", url]
    running: list[Deferred[int]] = [
        getProcessValue(found_program("curl"), arguments) for _ in range(downloads)
    ]
    return await gatherResults(running)


def main(reactor: Any, downloads: str = "50", mib: str = "512") -> Deferred[None]:
    """Measure in a directory of its own."""

    async def run() -> None:
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as directory:
            await measure(reactor, Path(directory), int(downloads), int(mib))

    return Deferred.fromCoroutine(run())


if __name__ == "__main__":
    enter_own_network()
    react(main, sys.argv[1:])
