"""The parts that bring images, put together according to the settings, on a reactor."""

from __future__ import annotations

from typing import Any

from assisted_images.downloads.downloader import Downloader
from assisted_images.downloads.room import Room
from assisted_images.on_demand.images import OnDemandImages
from assisted_images.outbound import Outbound
from assisted_images.registries.files import read_s3_key
from assisted_images.registries.releases import ReleaseDownloader
from assisted_images.registries.settings import make_registries
from assisted_images.settings.settings import Settings
from assisted_images.store.checks import Limits
from assisted_images.store.images import ImageStore
from assisted_images.store.population import Population
from assisted_images.store.workshop import Workshop
from httpd.concurrency.threads import threads_of
from httpd.outbound.agent import IOutboundAgent
from httpd.streaming.disk import disk_threads


def make_population(
    settings: Settings,
    reactor: Any,
    outbound: Outbound,
    store: ImageStore,
    on_demand: OnDemandImages | None,
) -> Population:
    """
    What brings the images of C{store}; one process of the service has it.

    @param on_demand: C{None}: all images are fetched whole.

    @raise ValueError: the pull secret or the registries' configuration cannot be read.
    """
    room = Room()
    registries = make_registries(settings, outbound.registries, reactor)
    return Population(
        store,
        Workshop(
            data_dir=settings.data_dir,
            downloader=make_downloader(settings, reactor, outbound, room),
            releases=ReleaseDownloader(registries, room),
            clock=reactor,
            run_in_thread=threads_of(reactor),
            read_in_thread=disk_threads(reactor),
            fetch=settings.image_fetch,
            s3_endpoint=settings.s3_endpoint,
            on_demand=on_demand,
            limits=Limits(settings.min_kernel_bytes, settings.min_rootfs_bytes),
            base_url=settings.image_service_base_url,
            first_delay=settings.download_retry_seconds,
        ),
    )


def make_downloader(settings: Settings, reactor: Any, outbound: Outbound, room: Room) -> Downloader:
    """
    What downloads images that have a URL.

    @param room: shared by all downloads.
    @raise ValueError: the S3 secret key cannot be read.
    """
    return Downloader(
        agent=_signing(settings, outbound.downloads),
        clock=reactor,
        run_in_thread=threads_of(reactor),
        headers=settings.os_images_request_headers,
        parameters=settings.os_images_request_query_params,
        stall_seconds=settings.download_stall_seconds,
        room=room,
    )


def _signing(settings: Settings, agent: IOutboundAgent) -> IOutboundAgent:
    """
    The agent of downloads, which signs what goes to the S3 server of the settings.

    @raise ValueError: the secret key cannot be read.
    """
    access_key, secret_key = settings.s3_access_key, settings.s3_secret_key
    if settings.s3_endpoint is None or access_key is None:
        return agent
    if settings.s3_secret_key_file is not None:
        secret_key = read_s3_key(settings.s3_secret_key_file)
    assert secret_key is not None, "there is one where there is an access key"
    # Only here: who has no such images does without what signing takes, some 30 MiB of memory.
    from httpd.outbound.s3_signing import S3User, SigningAgent  # noqa: PLC0415

    user = S3User(settings.s3_endpoint, settings.s3_region, access_key, secret_key)
    return SigningAgent(agent, user)
