"""
When each alert of C{deploy/prometheus/} is to fire, and when not: made-up series in the notation of
C{promtool test rules}, a sample a minute.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.documented_metrics import PREFIXES

Series = Mapping[str, str]
"""Values by the series that have them; C{0+5x90}: 0, and 5 more with each of 90 further samples."""

ALERTS = {"assisted-images": "AssistedImages", "image-management": "ImageManagement"}
"""What the names of each service's alerts begin with."""

_DAY = 86400


@dataclass(frozen=True, slots=True)
class Case:
    """
    One alert.

    @ivar bad: series with which it fires.
    @ivar minutes: after which it does.
    @ivar good: series with which it does not, at no time.
    @ivar earlier: minutes after which it does not yet.
    """

    alert: str
    bad: Series
    minutes: int
    good: Series
    earlier: int = 1


def cases(service: str) -> Iterator[Case]:
    """All of a service's."""
    yield from _common(service, PREFIXES[service])
    yield from {"assisted-images": _of_images, "image-management": _of_management}[service](
        PREFIXES[service]
    )


def _common(service: str, prefix: str) -> Iterator[Case]:
    """Those that both services have."""
    name = ALERTS[service]
    job = f'job="{service}",instance="a"'
    up = f"up{{{job}}}"
    yield Case(f"{name}Down", {up: "0x20"}, 6, {up: "1 1 0 0 0 1x20"}, 4)
    yield Case(f"{name}Absent", {'up{job="another"}': "1x20"}, 11, {up: "0x400"}, 9)
    start = f"process_start_time_seconds{{{job}}}"
    yield Case(
        f"{name}Restarts", {start: "10x5 400x5 900x5 1300x60"}, 20, {start: "10x5 400x60"}, 12
    )

    def answers(code: str) -> str:
        return f'{prefix}http_request_duration_seconds_count{{{job},handler="-",code="{code}"}}'

    yield Case(
        f"{name}ServerErrors",
        {answers("200"): "0+60x60", answers("502"): "0+6x60"},
        30,
        {answers("200"): "0+60x60", answers("502"): "0+1x60", answers("404"): "0+60x60"},
        9,
    )
    slots, limit = f"{prefix}downloads_in_flight{{{job}}}", f"{prefix}downloads_limit{{{job}}}"
    yield Case(
        f"{name}SlotsFull",
        {slots: "20 100x30", limit: "100x30"},
        17,
        {slots: "99x30", limit: "100x30"},
        14,
    )
    refused = f"{prefix}connections_refused_total{{{job}}}"
    yield Case(f"{name}ConnectionsRefused", {refused: "0 0 0+1x30"}, 15, {refused: "7x30"}, 3)
    stalled = f"{prefix}stalled_clients_total{{{job}}}"
    yield Case(f"{name}StalledClients", {stalled: "0+1x90"}, 60, {stalled: "0x10 1+0.2x80"}, 10)
    yield from _of_disks(name, prefix, job)
    expiry = f"{prefix}certificate_expiration_timestamp_seconds{{{job}}}"
    yield Case(
        f"{name}CertificateExpiresSoon",
        {expiry: f"{29 * _DAY}x400"},
        370,
        {expiry: f"{31 * _DAY}x400"},
        350,
    )
    # Renewed at the last moment.
    yield Case(
        f"{name}CertificateExpires",
        {expiry: f"{7 * _DAY + 600}x60"},
        20,
        {expiry: f"{7 * _DAY + 600}x9 {90 * _DAY}x60"},
        9,
    )


def _of_disks(name: str, prefix: str, job: str) -> Iterator[Case]:
    disk = f'{{{job},directory="DATA_DIR"}}'
    free, size = f"{prefix}disk_free_bytes{disk}", f"{prefix}disk_size_bytes{disk}"
    yield Case(
        f"{name}DiskLow",
        {free: "60 40x30", size: "1000x30"},
        17,
        {free: "60x30", size: "1000x30"},
        14,
    )
    # The same every minute, where little is left, and where much is.
    yield Case(
        f"{name}DiskFills",
        {free: "400-0.3x300", size: "2500x300"},
        120,
        {free: "2000-0.3x300", size: "2500x300"},
        50,
    )


def _of_images(prefix: str) -> Iterator[Case]:
    name, job = "AssistedImages", 'job="assisted-images",instance="a"'
    image = f'{job},version="4.14",arch="x86_64",type="full-iso"'

    def state(word: str) -> str:
        return f'{prefix}image_state{{{image},state="{word}"}}'

    # It is tried again every five minutes, and is downloading meanwhile.
    yield Case(
        f"{name}ImageFailed",
        {
            state("failed"): "0 0 1 1 1 0 0 1 1 1 0 0 1 1 1 0 0 1 1 1 0 0 1 1 1",
            state("ready"): "0x30",
        },
        20,
        {state("failed"): "0 1 1 0x30", state("ready"): "0 0 0 0 1x30"},
        12,
    )
    ready = state("ready")
    yield Case(f"{name}ImageNotReady", {ready: "0x140"}, 125, {ready: "0x100 1 0x100"}, 110)

    def calls(outcome: str) -> str:
        metric = f"{prefix}assisted_service_request_duration_seconds_count"
        return f'{metric}{{{job},call="discovery.ign",outcome="{outcome}"}}'

    yield Case(
        f"{name}AssistedServiceErrors",
        {calls("200"): "0+10x60", calls("timeout"): "0+1x60", calls("503"): "0+1x60"},
        30,
        {calls("200"): "0+10x60", calls("404"): "0+10x60", calls("timeout"): "0+1x60"},
        9,
    )
    failed = f"{prefix}on_demand_failed_fetches_total{{{image}}}"
    yield Case(f"{name}OriginErrors", {failed: "0 0 0+1x40"}, 25, {failed: "0 0 0 3x40"}, 12)
    cache = f"{prefix}configuration_cache_up{{{job}}}"
    yield Case(f"{name}ConfigurationCacheDown", {cache: "0x20"}, 11, {cache: "0x8 1x20"}, 9)


def _of_management(prefix: str) -> Iterator[Case]:
    name, job = "ImageManagement", 'job="image-management",instance="a"'

    def ended(status: str) -> str:
        return f'{prefix}jobs_ended_total{{{job},job_type="create",status="{status}"}}'

    yield Case(
        f"{name}JobsFail",
        {ended("error"): "0x10 1x5 2x5 4x60"},
        30,
        {ended("error"): "7x60 8x60", ended("success"): "0+1x120"},
        12,
    )
    s3, database = f"{prefix}s3_up{{{job}}}", f"{prefix}database_up{{{job}}}"
    yield Case(f"{name}S3Down", {s3: "1 0x20"}, 7, {s3: "0 0 0 1 0 0 0 1x20"}, 5)
    yield Case(f"{name}DatabaseDown", {database: "0x20"}, 3, {database: "0 1x20"}, 1)

    def calls(outcome: str) -> str:
        metric = f"{prefix}s3_request_duration_seconds_count"
        return f'{metric}{{{job},operation="HeadObject",outcome="{outcome}"}}'

    yield Case(
        f"{name}S3Errors",
        {calls("ok"): "0+10x60", calls("connection"): "0+1x60", calls("403"): "0+1x60"},
        30,
        {calls("ok"): "0+10x60", calls("404"): "0+10x60", calls("500"): "0+1x60"},
        9,
    )
    breaks = f'{prefix}kubernetes_watch_restarts_total{{{job},resource="jobs"}}'
    yield Case(f"{name}WatchBreaks", {breaks: "0+1x60"}, 30, {breaks: "0+0.2x60"}, 5)
