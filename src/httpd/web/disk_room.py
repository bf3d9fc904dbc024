"""What room there is where a service keeps its files, as metrics."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from httpd.concurrency.coroutines import side_by_side
from httpd.concurrency.threads import own_threads
from httpd.concurrency.turns import Turns

_PATIENCE_SECONDS = 2.0
"""Prometheus gives a whole scrape 10 s, if nobody has said otherwise."""


def disk_turns(reactor: Any) -> Turns:
    """Who looks at disks that may hang: the reactor does not, and its end waits for none."""
    return Turns(own_threads(reactor, 2, "disk-room", daemon=True), reactor, _PATIENCE_SECONDS)


class DiskRoom(Collector):
    """
    The room in directories: L{look} looks at it, which may take a while; L{collect} tells of it.
    """

    def __init__(self, prefix: str, directories: Mapping[str, Path], turns: Turns) -> None:
        """
        @param prefix: what the metrics' names begin with.
        @param directories: by the settings that name them.
        @param turns: who looks.
        """
        self._prefix = prefix
        self._directories = directories
        self._turns = turns
        self._found: Mapping[str, os.statvfs_result | None] = {}

    async def look(self) -> None:
        """Look at all of them; one that is not there or does not answer is not told of."""
        found = await side_by_side(map(self._room, self._directories.values()))
        self._found = dict(zip(self._directories, found, strict=True))

    async def _room(self, directory: Path) -> os.statvfs_result | None:
        try:
            return await self._turns.run(directory, os.statvfs, directory)
        except OSError:  # a TimeoutError is one
            return None

    def collect(self) -> Iterable[Metric]:
        """What L{look} has found last."""
        free = GaugeMetricFamily(
            self._prefix + "disk_free_bytes",
            "Bytes that may still be written where a directory is.",
            labels=("directory",),
        )
        size = GaugeMetricFamily(
            self._prefix + "disk_size_bytes",
            "Bytes of the file system that a directory is on.",
            labels=("directory",),
        )
        for name, room in self._found.items():
            if room is not None:
                free.add_metric([name], room.f_bavail * room.f_frsize)
                size.add_metric([name], room.f_blocks * room.f_frsize)
        yield from (free, size)
