"""
The service's peak memory while many full ISOs stream at once, over each listener.

C{python -m tests.bench.memory [DOWNLOADS [MIB]]} prints one line a listener.  The clients
are curl processes that throw away what they get; nothing is asserted.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react
from twisted.internet.utils import getProcessValue

from demo.certificate import development_certificate
from demo.infra_env import INFRA_ENV_ID, write_infra_env
from demo.service import ServiceProcess
from tests.boot.image import ARCHITECTURE, VERSION, build_image
from tests.running import base_environment, found_program

MIB = 1 << 20


async def measure(reactor: Any, directory: Path, downloads: int, mib: int) -> None:
    """Print the peak memory for C{downloads} at once of an image of C{mib} MiB."""
    image = build_image(directory / "image")
    os.truncate(image.path, mib * MIB)  # an ISO may be larger than its volume
    write_infra_env(directory / "infra-envs" / INFRA_ENV_ID, b'{"ignition": {"version": "3.2.0"}}')
    files = development_certificate(directory / "certificate")
    settings = {
        "INFRA_ENVS_DIR": str(directory / "infra-envs"),
        "IMAGE_SERVICE_BASE_URL": "https://images.example",
        "HTTPS_CERT_FILE": str(files.certificate),
        "HTTPS_KEY_FILE": str(files.key),
        "LISTEN_PORT": "0",
        "HTTP_LISTEN_PORT": "0",
        "HTTP_SERVES": "all",
    }
    for scheme in ("http", "https"):
        service = ServiceProcess(reactor, base_environment() | image.settings | settings)
        await service.start(60)
        await service.wait_until_healthy(60)
        before = service.peak_memory
        started = reactor.seconds()
        path = f"/byid/{INFRA_ENV_ID}/{VERSION}/{ARCHITECTURE}/full.iso"
        statuses = await _download(service.url(path, scheme), files.authority, downloads)
        seconds = reactor.seconds() - started
        size = image.path.stat().st_size
        print(
            f"{scheme}: {downloads} downloads of {size / MIB:.0f} MiB at once:"
            f" peak {service.peak_memory / MIB:.1f} MiB, idle {before / MIB:.1f} MiB;"
            f" {seconds:.1f} s, {downloads * size / MIB / seconds:.0f} MiB/s;"
            f" {statuses.count(0)} whole"
        )
        await service.stop(30)


async def _download(url: str, authority: Path, downloads: int) -> Sequence[int]:
    """Start the downloads; curl's exit statuses, when all are over."""
    arguments = ["--silent", "--fail", "--cacert", str(authority), "--output", "/dev/null", url]
    running: list[Deferred[int]] = [
        getProcessValue(found_program("curl"), arguments) for _ in range(downloads)
    ]
    return await gatherResults(running)


def main(reactor: Any, downloads: str = "50", mib: str = "1024") -> Deferred[None]:
    """Measure in a directory of its own."""

    async def run() -> None:
        with tempfile.TemporaryDirectory() as directory:
            await measure(reactor, Path(directory), int(downloads), int(mib))

    return Deferred.fromCoroutine(run())


if __name__ == "__main__":
    react(main, sys.argv[1:])
