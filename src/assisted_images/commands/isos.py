"""An ISO for a command to read: on disk, or at a server of HTTP, where only what is read comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

from assisted_images.commands.iso_options import IsoSettings
from assisted_images.on_demand.origin import HttpOrigin, NoParts
from assisted_images.on_demand.settings import on_demand_images
from assisted_images.outbound import download_agent
from assisted_images.store.image_bytes import ImageBytes, PartialFile, WholeFile
from httpd.outbound.failures import DownloadError
from httpd.outbound.proxies import Proxies
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
    proxies = Proxies.of(settings.http_proxy, settings.https_proxy, settings.no_proxy)
    agent = download_agent(settings, proxies, reactor)
    origin = HttpOrigin(
        url,
        agent,
        reactor,
        settings.os_images_request_headers,
        settings.os_images_request_query_params,
        settings.download_stall_seconds,
    )
    images = on_demand_images(
        reactor, _MOST_BYTES, settings.origin_connections, settings.download_stall_seconds
    )
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
