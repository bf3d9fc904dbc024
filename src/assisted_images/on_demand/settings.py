"""What images on demand take, according to the settings."""

from __future__ import annotations

from typing import Any

from assisted_images.on_demand.cache import BlockCache
from assisted_images.on_demand.fetching import Means
from assisted_images.on_demand.held_blocks import OwnThread
from assisted_images.on_demand.images import OnDemandImages
from assisted_images.settings.settings import Settings
from httpd.concurrency.threads import own_threads
from httpd.streaming.disk import disk_threads

_BLOCK_THREADS = 4
"""That write blocks of images to the disk."""


def make_on_demand_images(settings: Settings, reactor: Any) -> OnDemandImages:
    """
    The images that stay at their origin; they are open until the last download has ended.

    Each worker has its share of the requests to one origin.
    """
    connections = max(settings.origin_connections // settings.workers, 1)
    return on_demand_images(
        reactor, settings.cache_bytes, connections, settings.download_stall_seconds
    )


def on_demand_images(
    reactor: Any, most_bytes: int | None, connections: int, stall_seconds: float
) -> OnDemandImages:
    """
    Images that stay at their origin.

    @param most_bytes: of all of them together, that are kept on disk.
    @param connections: requests to one web origin at once.
    @param stall_seconds: how long an origin may send nothing.
    """
    run_in_thread = own_threads(reactor, _BLOCK_THREADS, "blocks")
    means = Means(
        cache=BlockCache(most_bytes, reactor, run_in_thread),
        clock=reactor,
        run_in_thread=run_in_thread,
        patience=2 * stall_seconds,
    )
    thread = OwnThread(reactor.callFromThread)
    return OnDemandImages(means, connections, thread, disk_threads(reactor))
