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
    run_in_thread = own_threads(reactor, _BLOCK_THREADS, "blocks")
    means = Means(
        cache=BlockCache(settings.cache_bytes, reactor, run_in_thread),
        clock=reactor,
        run_in_thread=run_in_thread,
        patience=2 * settings.download_stall_seconds,
    )
    return OnDemandImages(
        means,
        max(settings.origin_connections // settings.workers, 1),
        OwnThread(reactor.callFromThread),
        disk_threads(reactor),
    )
