"""What the load goes to: two images, three infra-envs, their assisted-service, and the service."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.certificate import CertificateFiles, development_certificate
from demo.infra_env import write_infra_env
from demo.ramdisk import compressed_ramdisk
from tests.bench import images
from tests.bench.processes import running
from tests.bench.scale import MIB
from tests.bench.servers import (
    INFRA_ENVS,
    Server,
    start_companion,
    start_service,
    wait_until_healthy,
)

_IMAGE_BYTES = 100 * MIB
_SHARE_SECONDS = 5
"""Short, so that assisted-service is asked again and again."""


@dataclass(frozen=True, slots=True)
class InfraEnv:
    """What assisted-service has of an infra-env."""

    id: str
    ignition: bytes
    kernel_arguments: tuple[str, ...] = ()
    ramdisk: bytes = b""
    """Static network files, as a gzipped cpio."""


@dataclass(frozen=True, slots=True)
class Ground:
    """
    @ivar images: the OS images' files, by version.
    """

    directory: Path
    certificate: CertificateFiles
    images: Mapping[str, Path]
    infra_envs: tuple[InfraEnv, ...]
    companion_port: int

    @contextmanager
    def service(self, workers: int) -> Iterator[Server]:
        """The service, ready, over a plain and a TLS listener, until the block ends."""
        settings = {
            "DATA_DIR": str(self.directory / "data"),
            "OS_IMAGES": images.os_images(len(self.images)),
            "ASSISTED_SERVICE_HOST": f"127.0.0.1:{self.companion_port}",
            "CONFIG_SHARE_SECONDS": str(_SHARE_SECONDS),
            "WORKERS": str(workers),
        }
        log = self.directory / f"service-{workers}.log"
        server = start_service(log, settings, self.certificate, cpus="")
        with running(server.process):
            wait_until_healthy(server)
            yield server


@contextmanager
def prepared_ground(directory: Path) -> Iterator[Ground]:
    """Make everything in C{directory}, which is on a disk, and run the assisted-service."""
    data, answers = directory / "data", directory / "infra-envs"
    data.mkdir()
    small = images.write_base_image(directory / "base")
    # One of some 100 MiB of noise, and the small one that it begins with, by itself.
    large = images.write_image_of(_IMAGE_BYTES, small, data / images.file_name(0))
    small = small.rename(data / images.file_name(1))
    infra_envs = _infra_envs()
    for infra_env in infra_envs:
        place = answers / infra_env.id
        write_infra_env(
            place, infra_env.ignition, infra_env.kernel_arguments, ramdisk=infra_env.ramdisk
        )
        if not infra_env.ramdisk:
            (place / "minimal-initrd").touch()
    process, port = start_companion(directory / "companion", answers, INFRA_ENVS)
    with running(process):
        yield Ground(
            directory=directory,
            certificate=development_certificate(directory / "certificate"),
            images={images.version(0): large, images.version(1): small},
            infra_envs=infra_envs,
            companion_port=port,
        )


def _infra_envs() -> tuple[InfraEnv, ...]:
    """A small one, one with everything, and one whose config does not fit into an image's area."""
    noise = random.Random(0)
    network = {"etc/assisted/network/host0/eth0.nmconnection": noise.randbytes(20_000)}
    return (
        InfraEnv("11111111-0000-4000-8000-000000000001", _ignition(b"")),
        InfraEnv(
            "22222222-0000-4000-8000-000000000002",
            _ignition(noise.randbytes(50_000)),
            ("soak.number=2", "console=ttyS0,115200n8"),
            compressed_ramdisk(network),
        ),
        InfraEnv(
            "33333333-0000-4000-8000-000000000003",
            _ignition(noise.randbytes(500_000)),
            ("soak.number=3",),
        ),
    )


def _ignition(content: bytes) -> bytes:
    source = f"data:,{content.hex()}"
    file = {"path": "/etc/noise", "contents": {"source": source}}
    config = {"ignition": {"version": "3.2.0"}, "storage": {"files": [file]}}
    return json.dumps(config).encode("ascii")
