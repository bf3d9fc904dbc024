"""
The parts of a running service, put together according to its settings, on a reactor that is given.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IReactorTime

from httpd.concurrency.slots import ClientSlots, OwnSlots, Slots
from httpd.concurrency.threads import threads_of
from httpd.forwarding import TrustedProxies
from httpd.http1.channel import Times
from httpd.http1.connections import Connections
from httpd.logs.requests import RequestLog
from httpd.pages.downloads import DownloadWatch
from httpd.web.bearer import Bearer
from httpd.web.bearer_keys import IssuerKeys, read_jwks, read_public_key
from httpd.web.disk_room import disk_turns
from image_management.images.images import Images
from image_management.images.links import LinkChecks
from image_management.jobs.backend import MakeBackend
from image_management.jobs.creation import JobCreation, JobDefaults
from image_management.jobs.kubernetes.checks import find_cluster
from image_management.jobs.kubernetes.opening import Opening
from image_management.jobs.kubernetes.places import KubernetesSettings
from image_management.jobs.local.opening import local_backend
from image_management.jobs.local.workshop import LocalSettings
from image_management.jobs.nodes.host_keys import KeysOfFile, KeysOfFirstUse
from image_management.jobs.nodes.probes import SSH_PORT, NodeProbes
from image_management.jobs.service import JobService
from image_management.pages.overview import Overview
from image_management.pages.shell import SHELL
from image_management.pages.sizes import ArtifactSizes
from image_management.routes.application import Application
from image_management.routes.artifacts import Artifacts
from image_management.routes.metrics import Metrics
from image_management.routes.probes import S3Watch
from image_management.s3.access import Observe, S3Access, TimeLimits
from image_management.s3.objects import ObjectStore
from image_management.settings.readers import JobBackendName
from image_management.settings.settings import Settings
from image_management.store.opening import make_store
from image_management.store.store import Store


class S3(Service):
    """
    The client of the S3 server; closes its idle connections at the end.

    @ivar objects: what is in it.
    """

    def __init__(self, settings: Settings, reactor: Any, observe: Observe) -> None:
        """
        @param observe: is told of each try of a request.
        """
        own = S3Access(
            settings.s3_endpoint,
            settings.s3_access_key,
            settings.s3_secret_key,
            settings.s3_region,
            settings.s3_ssl_validate,
        )
        sts = S3Access(
            settings.s3_sts_endpoint,
            settings.s3_sts_access_key,
            settings.s3_sts_secret_key,
            settings.s3_region,
            settings.s3_sts_ssl_validate,
        )
        limits = TimeLimits(
            settings.s3_connect_timeout, settings.s3_read_timeout, settings.s3_url_expiration
        )
        self.objects = ObjectStore(
            reactor, own, None if sts == own else sts, limits, observe=observe
        )

    def stopService(self) -> Deferred[None]:
        """Close what is idle; fires when it is closed."""
        Service.stopService(self)
        return Deferred.fromCoroutine(self.objects.close())


class Parts:
    """
    What a running service consists of.

    @ivar application: what requests are answered with.
    @ivar services: what runs for it, in the order in which it starts.
    @ivar issuer_keys: that verify bearer tokens; C{None}: nobody has to have one.
    """

    def __init__(self, settings: Settings, reactor: Any, request_log: RequestLog) -> None:
        slots = OwnSlots(settings.max_concurrent_requests)
        connections = Connections(settings.max_connections)
        metrics = Metrics(slots, connections)
        longest_manifest = settings.max_image_manifest_size_bytes
        metrics.watch_disks(_directories(settings), disk_turns(reactor))
        store = make_store(
            reactor,
            settings.ims_data_dir,
            settings.database_url,
            observe=metrics.database_asked,
        )
        s3 = S3(settings, reactor, metrics.s3_called)
        objects = s3.objects
        images = Images(
            store,
            objects,
            reactor,
            boot_images_bucket=settings.s3_boot_images_bucket,
            longest_manifest=longest_manifest,
        )
        buckets = settings.s3_boot_images_bucket, settings.s3_ims_bucket
        s3_watch = S3Watch(objects, buckets, reactor)
        metrics.watch_s3(lambda: s3_watch.is_up)
        creation = JobCreation(store, objects, _job_defaults(settings))
        nodes = _node_probes(settings, reactor, store)
        backend = _job_backend(settings, reactor, store, objects, nodes, metrics)
        jobs = JobService(store, creation, backend, reactor)
        metrics.watch_jobs(jobs.counts, jobs.ended)
        self.services: tuple[Service, ...] = (store, s3, s3_watch, images, nodes, jobs)
        overview = None
        if settings.serve_page:
            sizes = ArtifactSizes(objects, longest_manifest, lambda: s3_watch.is_up, reactor)
            watch = _download_watch(metrics, slots, reactor)
            self.services = (*self.services, sizes, watch)
            overview = Overview(store, sizes, watch.downloads, lambda: s3_watch.trouble)
        self.issuer_keys = _issuer_keys(settings)
        per_client = settings.max_requests_per_client
        self.application = Application(
            store=store,
            images=images,
            link_checks=LinkChecks(objects, longest_manifest),
            artifacts=Artifacts(store, objects, longest_manifest),
            jobs=jobs,
            nodes=nodes,
            s3=s3_watch,
            slots=slots,
            client_slots=None if per_client is None else ClientSlots(slots, per_client),
            connections=connections,
            metrics=metrics,
            request_log=request_log,
            clock=reactor,
            bearer=None if self.issuer_keys is None else Bearer(self.issuer_keys),
            overview=overview,
            shell=replace(SHELL, documentation_url=settings.documentation_url),
            path_prefix=settings.ims_path_prefix,
            ready_needs_s3=settings.ims_ready_needs_s3,
            times=Times(
                header_seconds=settings.header_seconds, stall_seconds=settings.client_stall_seconds
            ),
            trusted_proxies=TrustedProxies(settings.trusted_proxies),
        )


def _directories(settings: Settings) -> dict[str, Path]:
    """Where files are kept, by the settings that say so."""
    directories = {"IMS_DATA_DIR": settings.ims_data_dir}
    if settings.ims_job_backend is JobBackendName.LOCAL:
        directories["IMS_WORK_DIR"] = settings.ims_work_dir
    return directories


def _download_watch(metrics: Metrics, slots: Slots, clock: IReactorTime) -> DownloadWatch:
    async def numbers() -> Mapping[str, float]:
        return metrics.numbers(await metrics.collected())

    return DownloadWatch(clock, slots, numbers)


def _issuer_keys(settings: Settings) -> IssuerKeys | None:
    if settings.ims_auth_jwks_file is not None:
        return IssuerKeys(settings.ims_auth_jwks_file, read_jwks)
    if settings.ims_auth_public_key_file is not None:
        return IssuerKeys(settings.ims_auth_public_key_file, read_public_key)
    return None


def _job_backend(
    settings: Settings,
    reactor: Any,
    store: Store,
    objects: ObjectStore,
    nodes: NodeProbes,
    metrics: Metrics,
) -> MakeBackend | None:
    if settings.ims_job_backend is JobBackendName.KUBERNETES:
        return _kubernetes_backend(settings, reactor, store, objects, nodes, metrics)
    if settings.ims_job_backend is JobBackendName.LOCAL:
        return _local_backend(settings, reactor, store, objects, metrics)
    return None


def _kubernetes_backend(
    settings: Settings,
    reactor: Any,
    store: Store,
    objects: ObjectStore,
    nodes: NodeProbes,
    metrics: Metrics,
) -> MakeBackend:
    domain = settings.job_customer_access_network_domain
    kubernetes = KubernetesSettings(
        namespace=settings.default_ims_job_namespace,
        template_path=settings.ims_job_template_path,
        network=f"{settings.job_customer_access_subnet_name}.{domain}",
        address_pool=settings.job_customer_access_network_access_pool,
        kata_runtime=settings.job_kata_runtime,
        aarch64_runtime=settings.job_aarch64_runtime,
        heartbeats=settings.default_ims_job_remote_timeout_count,
        boot_images_bucket=settings.s3_boot_images_bucket,
        s3_host=urlsplit(settings.s3_endpoint).netloc,
        api_gateway=settings.api_gateway_hostname,
        utils_image=settings.ims_utils_image,
        builder_image=settings.ims_builder_image,
        sshd_image=settings.ims_sshd_image,
        pending_seconds=settings.ims_job_pending_timeout,
        reap_cray=settings.ims_reap_cray,
        has_replicas=settings.database_url is not None,
    )
    cluster = find_cluster(
        settings.kubeconfig, settings.kubernetes_service_host, settings.kubernetes_service_port
    )
    opening = Opening(
        settings=kubernetes,
        cluster=cluster,
        reactor=reactor,
        store=store,
        objects=objects,
        nodes=nodes,
        key_dir=settings.ims_data_dir / "ssh",
        environment=os.environ,
        watch_restarted=metrics.watch_restarted,
        reaped=metrics.reaped,
    )
    return opening.backend()


def _local_backend(
    settings: Settings, reactor: Any, store: Store, objects: ObjectStore, metrics: Metrics
) -> MakeBackend:
    local = LocalSettings(
        work_dir=settings.ims_work_dir.resolve(),
        key_dir=settings.ims_data_dir / "ssh",
        ssh_host=settings.ims_ssh_host,
        ssh_ports=settings.ims_ssh_ports,
        slots=settings.ims_job_slots,
        shells=settings.ims_job_shells,
        kiwi=settings.ims_kiwi,
        stage_seconds=settings.ims_stage_timeout,
        idle_seconds=settings.ims_job_idle_timeout * 3600,
        keep_failed=settings.ims_keep_failed,
        ca_cert=settings.ca_cert,
        boot_images_bucket=settings.s3_boot_images_bucket,
    )
    return local_backend(local, reactor, store, objects, os.environ, metrics.stage_ended)


def _node_probes(settings: Settings, reactor: Any, store: Store) -> NodeProbes:
    run_in_thread = threads_of(reactor)
    file = settings.ims_remote_known_hosts
    return NodeProbes(
        lambda xname: HostnameEndpoint(reactor, xname.encode(), SSH_PORT),
        settings.ims_remote_key_file,
        KeysOfFirstUse(store) if file is None else KeysOfFile(file, run_in_thread),
        reactor,
        run_in_thread,
    )


def _job_defaults(settings: Settings) -> JobDefaults:
    return JobDefaults(
        build_env_size=settings.default_ims_image_size,
        job_mem_size=settings.default_ims_job_mem_size,
        enable_dkms=settings.job_enable_dkms,
        longest_manifest=settings.max_image_manifest_size_bytes,
    )
