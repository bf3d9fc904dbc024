"""The settings, read from texts and checked, each by itself and all against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from socket import gethostname
from typing import Any

from httpd.forwarding import Network
from httpd.settings.listening import listening_contradictions
from httpd.settings.readers import LogLevel, TlsVersion
from httpd.settings.reading import read_settings
from httpd.settings.setting import Setting
from image_management.records.words import truth
from image_management.settings.readers import JobBackendName
from image_management.settings.table import SETTINGS, STORE_SETTINGS


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    All settings that are used, checked.  Each attribute is the row of L{SETTINGS} of the same name,
    which says what it means; C{None} is a setting that is not set.  Times are in seconds, sizes in
    bytes if they do not say otherwise.
    """

    s3_endpoint: str
    s3_access_key: str = field(repr=False)
    s3_secret_key: str = field(repr=False)
    s3_region: str
    s3_ssl_validate: bool | Path
    s3_sts_endpoint: str
    """As the other three of STS, that without C{STS} where it is not set."""

    s3_sts_access_key: str = field(repr=False)
    s3_sts_secret_key: str = field(repr=False)
    s3_sts_ssl_validate: bool | Path
    s3_ims_bucket: str
    s3_boot_images_bucket: str
    s3_url_expiration: int
    s3_connect_timeout: float
    s3_read_timeout: float
    max_image_manifest_size_bytes: int
    ims_data_dir: Path
    database_url: str | None = field(repr=False)
    listen_port: int
    http_listen_port: int | None
    https_key_file: Path | None
    https_cert_file: Path | None
    tls_min_version: TlsVersion
    tls_cipher_suites: tuple[str, ...]
    max_concurrent_requests: int
    max_requests_per_client: int | None
    max_connections: int
    header_seconds: float
    client_stall_seconds: float
    drain_seconds: float
    trusted_proxies: tuple[Network, ...]
    log_level: LogLevel
    serve_page: bool
    documentation_url: str | None
    ims_path_prefix: str
    ims_ready_needs_s3: bool
    ims_auth_jwks_file: Path | None
    ims_auth_public_key_file: Path | None
    default_ims_image_size: int
    default_ims_job_mem_size: int
    default_ims_job_namespace: str
    default_ims_job_remote_timeout_count: int
    ims_remote_key_file: Path
    ims_remote_known_hosts: Path | None
    ims_job_template_path: Path
    job_customer_access_network_domain: str
    job_customer_access_subnet_name: str
    job_customer_access_network_access_pool: str
    job_enable_dkms: bool
    job_kata_runtime: str
    job_aarch64_runtime: str
    ca_cert: Path | None
    api_gateway_hostname: str | None
    ims_job_backend: JobBackendName
    kubeconfig: Path | None
    kubernetes_service_host: str | None
    kubernetes_service_port: int
    ims_utils_image: str | None
    ims_builder_image: str | None
    ims_sshd_image: str | None
    ims_job_pending_timeout: float
    ims_reap_cray: bool
    ims_work_dir: Path
    ims_ssh_host: str
    ims_ssh_ports: Sequence[int]
    ims_job_slots: int
    ims_job_shells: int
    ims_kiwi: str
    ims_stage_timeout: float
    ims_job_idle_timeout: float
    """Hours."""

    ims_keep_failed: bool
    warnings: Sequence[str] = ()
    """One sentence for each text that counts otherwise than it says, or not at all."""


@dataclass(frozen=True, slots=True)
class StorePlace:
    """Where the records are."""

    ims_data_dir: Path
    database_url: str | None = field(repr=False)
    """C{None}: in the embedded database in C{ims_data_dir}."""


def parse_settings(texts: Mapping[str, str], home: str = "") -> Settings:
    """
    Read the settings.

    @param texts: the texts by the settings' names, as in the environment.
    @param home: the user's home directory; empty: unknown.
    @raise SettingsError: with everything that is wrong.
    """
    reading = read_settings(_as_meant(texts, home), SETTINGS)
    found = reading.found
    for name in ("endpoint", "access_key", "secret_key", "ssl_validate"):
        own, others = f"s3_{name}", f"s3_sts_{name}"
        if others not in reading.given and own in found:
            found[others] = found[own]
    if found.get("ims_work_dir") is None and "ims_data_dir" in found:
        found["ims_work_dir"] = found["ims_data_dir"] / "jobs"
    if found.get("ims_job_backend") is None:
        in_reach = reading.given & _CLUSTER
        found["ims_job_backend"] = JobBackendName.KUBERNETES if in_reach else JobBackendName.NONE
    if found.get("ims_ssh_host") is None:
        found["ims_ssh_host"] = gethostname()
    reading.problems += _contradictions(found, reading.given)
    reading.require_none_wrong()
    return Settings(**found, warnings=tuple(reading.warnings))


def parse_store_place(texts: Mapping[str, str], home: str = "") -> StorePlace:
    """
    Read where the records are, for a command that needs to know nothing else.

    @param texts: the texts by the settings' names, as in the environment.
    @param home: the user's home directory; empty: unknown.
    @raise SettingsError: with everything that is wrong.
    """
    reading = read_settings(_as_meant(texts, home), STORE_SETTINGS)
    reading.require_none_wrong()
    return StorePlace(**reading.found)


_CLUSTER = frozenset({"kubeconfig", "kubernetes_service_host"})
"""The settings that say where a cluster is."""

_LOG_LEVEL = next(setting for setting in SETTINGS if setting.key == "log_level")
_DATA_DIR = next(setting for setting in SETTINGS if setting.key == "ims_data_dir")


def _as_meant(texts: Mapping[str, str], home: str) -> Mapping[str, str]:
    """The texts, and what those of Cray's service mean that set others."""
    meant = dict(texts)
    if truth(_text(texts, "DEBUG")) and not _is_set(texts, _LOG_LEVEL):
        meant[_LOG_LEVEL.name] = LogLevel.DEBUG
    if _text(texts, "FLASK_ENV") == "development" and home and not _is_set(texts, _DATA_DIR):
        meant[_DATA_DIR.name] = f"{home}/ims/data"
    return meant


def _text(texts: Mapping[str, str], name: str) -> str:
    return texts.get(name, "").strip()


def _is_set(texts: Mapping[str, str], setting: Setting) -> bool:
    return any(_text(texts, name) for name in setting.names)


def _contradictions(found: Mapping[str, Any], given: set[str]) -> Iterator[str]:
    """
    What is wrong with values that are right by themselves.

    @param found: the values that could be read.
    @param given: the settings that are set, whether or not they could be read.
    """
    yield from listening_contradictions(found, given)
    keys = given & {"s3_sts_access_key", "s3_sts_secret_key"}
    if len(keys) == 1:
        yield (
            f"{keys.pop().upper()}: set alone; expected S3_STS_ACCESS_KEY and S3_STS_SECRET_KEY, or"
            " neither"
        )
    if found.get("ims_job_backend") is JobBackendName.KUBERNETES and not given & _CLUSTER:
        yield (
            "IMS_JOB_BACKEND: kubernetes, and nothing says where that is; expected KUBECONFIG, or"
            " KUBERNETES_SERVICE_HOST as a pod has it"
        )
    if {"ims_auth_jwks_file", "ims_auth_public_key_file"} <= given:
        yield (
            "IMS_AUTH_JWKS_FILE, IMS_AUTH_PUBLIC_KEY_FILE: both are set; expected one of them, or"
            " neither"
        )
