"""What every case stands on: a directory, an image, a certificate, and an assisted-service."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from demo.certificate import CertificateFiles, development_certificate
from tests.bench import images
from tests.bench.processes import BackgroundClient, Placement, Process, running
from tests.bench.scale import Scale
from tests.bench.servers import (
    Server,
    start_companion,
    start_nginx,
    start_service,
    wait_until_healthy,
)


@dataclass(frozen=True, slots=True)
class Ground:
    """
    @ivar directory: on a disk, for files as large as the images.
    @ivar base: a small OS image.
    @ivar image: the image of the comparison, in a DATA_DIR of its own.
    @ivar companion_port: assisted-service, and the origin of the files in C{origin}.
    @ivar own_network: whether its network is nobody else's.
    """

    directory: Path
    scale: Scale
    placement: Placement
    certificate: CertificateFiles
    base: Path
    image: Path
    companion_port: int
    own_network: bool
    _count: Iterator[int] = field(default_factory=count)

    @property
    def origin(self) -> Path:
        """The files of the companion."""
        return self.directory / "origin"

    @property
    def settings(self) -> dict[str, str]:
        """Of a service that has the image."""
        return {
            "DATA_DIR": str(self.image.parent),
            "OS_IMAGES": images.os_images(1),
            "ASSISTED_SERVICE_HOST": f"127.0.0.1:{self.companion_port}",
        }

    def new_path(self, name: str) -> Path:
        """A path that nothing has yet."""
        return self.directory / f"{name}-{next(self._count)}"

    def nginx(self, stack: ExitStack) -> Server:
        """Start nginx with the image."""
        server = start_nginx(
            self.new_path("nginx"), self.image, self.certificate, self.placement.servers
        )
        stack.enter_context(running(server.process))
        return server

    def keep_busy(self, stack: ExitStack) -> None:
        """Have a program on each CPU want all of it, until the stack is closed."""
        for cpu in sorted(os.sched_getaffinity(0)):
            process = Process(
                [sys.executable, "-c", "while True: pass"], self.new_path("busy"), cpus=str(cpu)
            )
            stack.enter_context(running(process))

    @contextmanager
    def service(
        self,
        settings: Mapping[str, str] = {},
        cpus: str = "",
    ) -> Iterator[Server]:
        """
        A service with the image, ready, until the block ends.

        @param settings: besides those of every such service.
        @param cpus: the CPUs that it may use; empty: any.
        """
        with self.starting_service({**self.settings, **settings}, cpus) as server:
            wait_until_healthy(server)
            yield server

    @contextmanager
    def starting_service(self, settings: Mapping[str, str], cpus: str = "") -> Iterator[Server]:
        """A service that has just begun to start."""
        server = start_service(self.new_path("service"), settings, self.certificate, cpus)
        with running(server.process):
            yield server

    @contextmanager
    def client(
        self, module: str, task: Mapping[str, object], cpus: str = ""
    ) -> Iterator[BackgroundClient]:
        """
        A client program at work, until the block ends or it is told to finish.

        @param cpus: the CPUs that it may use; empty: any.
        """
        client = BackgroundClient(module, task, self.new_path(module), cpus)
        with running(client):
            client.wait_until_ready()
            yield client


@contextmanager
def prepared_ground(
    directory: Path,
    scale: Scale,
    write_base: Callable[[Path], Path] = images.write_base_image,
    *,
    own_network: bool = False,
) -> Iterator[Ground]:
    """
    Make everything in C{directory}, and run the companion until the block ends.

    @param write_base: makes the small image that the image of the comparison begins with.
    """
    placement = Placement.of_this_machine()
    for name in ("data", "origin"):
        (directory / name).mkdir()
    base = write_base(directory / "base")
    image = images.write_image_of(scale.image_bytes, base, directory / "data" / images.file_name(0))
    process, port = start_companion(directory / "companion", directory / "origin")
    with running(process):
        ground = Ground(
            directory=directory,
            scale=scale,
            placement=placement,
            certificate=development_certificate(directory / "certificate"),
            base=base,
            image=image,
            companion_port=port,
            own_network=own_network,
        )
        with ground.service():
            pass  # what is done at a first start alone is no case's business
        yield ground
