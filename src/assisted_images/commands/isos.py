"""An ISO for a command to read: on disk, or at a server of HTTP, where only what is read comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

from assisted_images.commands.iso_options import IsoSettings
from assisted_images.on_demand.cache import BlockCache
from assisted_images.on_demand.fetching import Means
from assisted_images.on_demand.held_blocks import OwnThread
from assisted_images.on_demand.images import OnDemandImages
from assisted_images.on_demand.origin import HttpOrigin, NoParts
from assisted_images.store.image_bytes import ImageBytes, PartialFile, WholeFile
from assisted_images.values import USER_AGENT
from httpd.concurrency.threads import threads_of
from httpd.outbound.agent import OutboundAgent
from httpd.outbound.failures import DownloadError
from httpd.outbound.proxies import Proxies
from httpd.outbound.trust import tls_policy
from httpd.streaming.disk import DiskFile, disk_threads
from httpd.urls import public_url

_MOST_BYTES = 256 << 20
"""Of an ISO at a server, that are kept on disk meanwhile."""


@asynccontextmanager
async def opened_iso(reactor: Any, place: str, settings: IsoSettings) -> AsyncIterator[ImageBytes]:
    """
    Open an ISO.

    @param place: its path, or its URL.
    @raise OSError: it cannot be read.
    @raise DownloadError: the server cannot be asked, or gives no parts of it.
    """
    if place.startswith(("http://", "https://")):
        async with _at_server(reactor, place, settings) as image:
            yield image
    else:
        yield WholeFile(DiskFile(Path(place), disk_threads(reactor)))


@asynccontextmanager
async def _at_server(reactor: Any, url: str, settings: IsoSettings) -> AsyncIterator[ImageBytes]:
    agent = OutboundAgent(
        reactor,
        tls_policy(
            settings.os_image_download_trusted_ca_file, verify=not settings.insecure_skip_verify
        ),
        Proxies.of(settings.http_proxy, settings.https_proxy, settings.no_proxy),
        user_agent=USER_AGENT,
    )
    origin = HttpOrigin(
        url,
        agent,
        reactor,
        settings.os_images_request_headers,
        settings.os_images_request_query_params,
        settings.download_stall_seconds,
    )
    images = _images(reactor, settings)
    stop = Event()
    try:
        with TemporaryDirectory(prefix="assisted-images-") as directory:
            facts = await origin.facts()
            target = Path(directory) / "image.iso"
            file = await images.open(target, origin, facts, lambda: None)
            yield PartialFile(file, stop)
    except NoParts as error:
        text = f"{public_url(url)} cannot be read in parts: {error}; expected a file then"
        raise DownloadError(text) from None
    finally:
        stop.set()
        images.stopService()
        await agent.close()


def _images(reactor: Any, settings: IsoSettings) -> OnDemandImages:
    run_in_thread = threads_of(reactor)
    means = Means(
        cache=BlockCache(_MOST_BYTES, reactor, run_in_thread),
        clock=reactor,
        run_in_thread=run_in_thread,
        patience=2 * settings.download_stall_seconds,
    )
    return OnDemandImages(
        means,
        settings.origin_connections,
        OwnThread(reactor.callFromThread),
        disk_threads(reactor),
    )
