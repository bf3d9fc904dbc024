"""The images of a process that stay at their origin: opened, and what they share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from twisted.application.service import Service

from assisted_images.on_demand.block_file import BLOCKS, BlockFile
from assisted_images.on_demand.fetching import Fetching, Means
from assisted_images.on_demand.held_blocks import HeldBlocks, OwnThread
from assisted_images.on_demand.on_demand_file import OnDemandFile
from assisted_images.on_demand.origin import Facts, HttpOrigin
from assisted_images.on_demand.origin_queue import OriginQueue
from httpd.concurrency.threads import RunInThread
from httpd.urls import WebOrigin, public_url, web_origin


class OnDemandImages(Service):
    """
    Opens images, which share the room on the disk and, those of one web origin, the requests to it.

    It stops when no download needs any block any more.

    @ivar files: those that are open.
    """

    def __init__(
        self, means: Means, connections: int, thread: OwnThread, read_in_thread: RunInThread
    ) -> None:
        """
        @param connections: requests to one web origin at once.
        @param thread: the reactor's.
        @param read_in_thread: reads for downloads what the page cache does not have.
        """
        self.cache = means.cache
        self.files: list[OnDemandFile] = []
        self._means = means
        self._connections = connections
        self._thread = thread
        self._read_in_thread = read_in_thread
        self._queues: dict[WebOrigin, OriginQueue] = {}

    async def open(
        self,
        target: Path,
        origin: HttpOrigin,
        facts: Facts,
        changed: Callable[[], None],
        *,
        bounded: bool = True,
        begin: bool = True,
    ) -> OnDemandFile:
        """
        Open an image with those of its blocks that are here.

        @param target: the ISO's name, if it were here.
        @param facts: what it is at its origin.
        @param changed: called when the origin has another one; this one is of no use then.
        @param bounded: whether its blocks count as those that have bounded room, and may be taken
            away; otherwise it is going to be here as a whole.
        @param begin: as in L{BlockFile.open}.
        @raise OSError: the disk is full or broken, or its file system has no locks or holes.
        """
        file = await self._means.run_in_thread(
            BlockFile.open,
            target.with_name(target.name + BLOCKS),
            facts.size,
            facts.digest(public_url(origin.url)),
            begin=begin,
        )
        held = HeldBlocks(file, self._thread)
        queue = self._queues.setdefault(web_origin(origin.url), OriginQueue(self._connections))
        fetching = Fetching(held, (origin, facts), queue, self._means, changed)
        if bounded:
            self.cache.add(held)
        opened = OnDemandFile(
            target.name, facts, held, fetching, self.cache.most_pinned, self._read_in_thread
        )
        self.files.append(opened)
        return opened

    def close(self, file: OnDemandFile, reason: str) -> None:
        """
        Have it end for all who read it; harmless when that was done.

        @param reason: why.
        """
        if file in self.files:
            self.retire(file)
            file.close(reason)

    def retire(self, file: OnDemandFile) -> None:
        """Share nothing with it any more; who reads it may come to the end."""
        self.files.remove(file)
        self.cache.remove(file.held)

    def stopService(self) -> None:
        """Close them all."""
        Service.stopService(self)
        for file in [*self.files]:
            self.close(file, "the service is going down")
