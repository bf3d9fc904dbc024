"""
What it costs to take a large ISO out of a release payload: C{python -m tests.registries.measure}.

A registry, a payload of one ISO in one layer and the service as a process, all on this machine;
what is printed is of the service's process alone.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet import task
from twisted.internet.defer import Deferred

from assisted_images.values import Architecture
from demo.infra_env import write_infra_env
from demo.service import ServiceProcess
from tests.field.images import SMALLEST
from tests.registries.case import X86_64, registries_conf, release_images
from tests.registries.layout import Compression
from tests.registries.payload import build_payload, small_iso
from tests.registries.registry import Registry
from tests.running import base_environment

_MIB = 1 << 20
_SECONDS = 600.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process has used until now."""

    seconds: float
    peak_memory: int
    """Bytes that were resident at once (C{VmHWM} in proc(5))."""

    written: int
    """Bytes that went to disks, or are about to (C{write_bytes} in proc(5))."""

    cpu_seconds: float

    @classmethod
    def of(cls, service: ServiceProcess, seconds: float) -> Cost:
        process = Path(f"/proc/{service.pid}")
        io = dict(line.split(": ") for line in (process / "io").read_text().splitlines())
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        cpu = (int(fields[11]) + int(fields[12])) / _TICKS
        return cls(seconds, service.peak_memory, int(io["write_bytes"]), cpu)

    def __str__(self) -> str:
        return (
            f"{self.seconds:.1f} s, {self.cpu_seconds:.1f} s of CPU,"
            f" at most {self.peak_memory / _MIB:.0f} MiB of memory,"
            f" {self.written / _MIB:.1f} MiB written"
        )


async def _started(reactor: Any, settings: dict[str, str]) -> tuple[ServiceProcess, Cost]:
    """The service, and what it has used when it is ready."""
    begun = time.monotonic()
    service = ServiceProcess(reactor, base_environment() | SMALLEST | settings)
    await service.start(_SECONDS)
    await service.wait_until_healthy(_SECONDS, poll=0.05)
    return service, Cost.of(service, time.monotonic() - begun)


def _noise(size: int) -> bytes:
    """Bytes that no compression makes fewer: it looks back less than they take to repeat."""
    block = random.Random(0).randbytes(64 * _MIB)
    return (block * (size // len(block) + 1))[:size]


async def _measured(reactor: Any, directory: Path, options: argparse.Namespace) -> None:
    registry = Registry(directory / "registry")
    await registry.start()
    try:
        size = options.mib * _MIB
        rootfs = size if options.zeros else _noise(size)
        iso = small_iso(directory / "isos", Architecture.X86_64, rootfs)
        payload = build_payload(
            directory / "payload", registry.host, {X86_64: iso}, Compression[options.compression]
        )
        await payload.push(registry)
        layer = max(layer.descriptor["size"] for layer in payload.layers[X86_64])
        iso_bytes = iso.stat().st_size
        print(f"an ISO of {iso_bytes} bytes in a {options.compression} layer of {layer} bytes")
        infra_envs, conf, data = (directory / name for name in ("infra-envs", "conf", "data"))
        write_infra_env(infra_envs / "none", b'{"ignition": {"version": "3.2.0"}}')
        conf.write_text(registries_conf(registry.host))
        settings = release_images(registry.host, X86_64) | {
            "DATA_DIR": str(data),
            "INFRA_ENVS_DIR": str(infra_envs),
            "IMAGE_SERVICE_BASE_URL": "http://images.example",
            "LISTEN_PORT": "0",
            "REGISTRIES_CONF": str(conf),
        }
        service, cost = await _started(reactor, settings)
        print(f"taken out of the payload: {cost}")
        print(f"written besides the ISO: {(cost.written - iso_bytes) / _MIB:.2f} MiB")
        on_disk = sum(file.stat().st_blocks * 512 for file in data.rglob("*"))
        print(
            f"DATA_DIR has {on_disk / _MIB:.1f} MiB: {sorted(file.name for file in data.iterdir())}"
        )
        await service.stop(_SECONDS)
        service, cost = await _started(reactor, settings)
        print(f"started again:            {cost}")
        await service.stop(_SECONDS)
    finally:
        await registry.kill()


def main() -> None:
    """Measure, and print what it costs."""
    parser = argparse.ArgumentParser(prog="python -m tests.registries.measure", description=__doc__)
    parser.add_argument("--mib", type=int, default=1024, help="size of the ISO (1024)")
    parser.add_argument("--compression", choices=["GZIP", "ZSTD", "NONE"], default="GZIP")
    parser.add_argument("--zeros", action="store_true", help="a rootfs of zeros, instead of noise")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="measure-") as directory:
        task.react(
            lambda reactor: Deferred.fromCoroutine(
                _measured(reactor, Path(directory).resolve(), options)
            )
        )


if __name__ == "__main__":
    main()
