"""The settings, read from texts and checked, each by itself and all against each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assisted_images.catalog.catalog import Catalog, Entry, s3_location
from assisted_images.oci.auths import PullSecret
from assisted_images.settings.readers import HttpServes, ReadyWhen
from assisted_images.settings.table import SETTINGS
from assisted_images.values import Architecture, ImageFetch, ImageType
from httpd.forwarding import Network
from httpd.redis_urls import RedisPlace
from httpd.settings.listening import listening_contradictions
from httpd.settings.readers import LogLevel, TlsVersion
from httpd.settings.reading import read_settings
from httpd.settings.setting import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    All settings that are used, checked.  Each attribute is the row of L{SETTINGS} of the same name,
    which says what it means; C{None} is a setting that is not set.  Times are in seconds, sizes in
    bytes.
    """

    data_dir: Path
    catalog: Catalog = field(repr=False)
    """The images of C{OS_IMAGES} and those of C{RELEASE_IMAGES}."""

    release_images: tuple[Entry, ...] = field(repr=False)
    serve_release_images: bool | None
    pull_secret: PullSecret | None = field(repr=False)
    pull_secret_file: Path | None
    registries_conf: Path | None
    registry_trusted_ca_file: Path | None
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
    http_serves: HttpServes
    serve_page: bool
    documentation_url: str | None
    ready_when: ReadyWhen
    assisted_service_scheme: str
    assisted_service_host: str | None
    assisted_service_api_trusted_ca_file: Path | None
    infra_envs_dir: Path | None
    url_signing_key_file: Path | None
    signed_urls_only: bool
    image_service_base_url: str | None
    allowed_domains: tuple[str, ...]
    insecure_skip_verify: bool
    os_image_download_trusted_ca_file: Path | None
    os_images_request_headers: Mapping[str, str] = field(repr=False)
    os_images_request_query_params: Mapping[str, str] = field(repr=False)
    http_proxy: str | None = field(repr=False)
    https_proxy: str | None = field(repr=False)
    no_proxy: str | None
    min_rootfs_bytes: int
    min_kernel_bytes: int
    download_stall_seconds: float
    download_retry_seconds: float
    image_fetch: ImageFetch
    cache_bytes: int | None
    origin_connections: int
    s3_endpoint: str | None
    s3_region: str
    s3_access_key: str | None = field(repr=False)
    s3_secret_key: str | None = field(repr=False)
    s3_secret_key_file: Path | None
    config_share_seconds: float
    config_cache_url: RedisPlace | None
    config_cache_key_file: Path | None
    config_cache_trusted_ca_file: Path | None
    assisted_service_seconds: float
    workers: int
    warnings: Sequence[str] = ()
    """One sentence for each text that counts otherwise than it says, or not at all."""


def parse_settings(texts: Mapping[str, str], *, serves: bool = True) -> Settings:
    """
    Read the settings.

    @param texts: the texts by the settings' names, as in the environment.
    @param serves: whether images are to be served; to have them here, less has to be set.
    @raise SettingsError: with everything that is wrong.
    """
    left_alone = _releases_are_left_alone(texts)
    reading = read_settings({**texts, "RELEASE_IMAGES": ""} if left_alone else texts, SETTINGS)
    if left_alone:
        reading.warnings.append(_LEFT_ALONE)
    reading.found.update(_whole_catalog(reading.found, reading.given))
    reading.problems += _image_contradictions(reading.found, reading.given)
    if serves:
        reading.problems += _contradictions(reading.found, reading.given)
    reading.warnings += _in_vain(reading.found, reading.given)
    reading.require_none_wrong()
    return Settings(**reading.found, warnings=tuple(reading.warnings))


def parse_some(texts: Mapping[str, str], table: Iterable[Setting]) -> Mapping[str, Any]:
    """
    Read some settings, for a command that needs no others.

    @return: their values, by the names of L{Settings}' attributes.
    @raise SettingsError: with everything that is wrong.
    """
    reading = read_settings(texts, table)
    reading.problems += _two_pull_secrets(reading.given)
    reading.require_none_wrong()
    return reading.found


_LEFT_ALONE = (
    "RELEASE_IMAGES: left alone, as assisted-service's; SERVE_RELEASE_IMAGES=true would have its"
    " ISOs served here"
)


def _in_vain(found: Mapping[str, Any], given: set[str]) -> Iterator[str]:
    """What is said of settings that do nothing beside others."""
    if "config_cache_url" in given:
        if "infra_envs_dir" in given:
            yield "CONFIG_CACHE_URL: not used, since infra-envs come from INFRA_ENVS_DIR"
        elif found.get("config_share_seconds") == 0:
            yield "CONFIG_CACHE_URL: not used, since CONFIG_SHARE_SECONDS=0 shares nothing"


_REGISTRIES = frozenset({"pull_secret", "pull_secret_file", "registries_conf"})
_MEANT_BY = tuple(
    setting
    for setting in SETTINGS
    if setting.key in _REGISTRIES | {"catalog", "serve_release_images"}
)


def _releases_are_left_alone(texts: Mapping[str, str]) -> bool:
    """
    Whether C{RELEASE_IMAGES} is there for assisted-service alone: many deployments give both
    services all variables of one ConfigMap.
    """
    if not texts.get("RELEASE_IMAGES", "").strip():
        return False
    reading = read_settings(texts, _MEANT_BY)
    serve: bool | None = reading.found.get("serve_release_images")
    if serve is None:
        return "catalog" in reading.given and not reading.given & _REGISTRIES
    return not serve


def _whole_catalog(found: Mapping[str, Any], given: set[str]) -> Mapping[str, Catalog]:
    """The images of both lists; where only releases are configured the built-in ones are not."""
    releases = found.get("release_images", ())
    if "release_images" in given and "catalog" not in given:
        return {"catalog": Catalog(releases)}
    return {"catalog": found["catalog"].and_releases(releases)} if "catalog" in found else {}


def _contradictions(found: Mapping[str, Any], given: set[str]) -> Iterator[str]:
    """As L{_image_contradictions}, of values that say how images are served."""
    sources = given & {"infra_envs_dir", "assisted_service_host"}
    if len(sources) != 1:
        yield (
            f"ASSISTED_SERVICE_HOST, INFRA_ENVS_DIR: {'both are' if sources else 'neither is'} set;"
            " expected exactly one: the host of assisted-service, or a directory of infra-envs to"
            " serve without it"
        )
    yield from listening_contradictions(found, given)
    yield from _cache_without_key(found, given)
    yield from _signed_urls(found, given)
    yield from _too_few_origin_connections(found)
    if "catalog" in found and "image_service_base_url" not in given:
        yield from _missing_base_url(found["catalog"])


def _image_contradictions(found: Mapping[str, Any], given: set[str]) -> Iterator[str]:
    """
    What is wrong with values that are right by themselves, and say which images there are.

    @param found: the values that could be read.
    @param given: the settings that are set, whether or not they could be read.
    """
    yield from _incomplete_s3(found, given)
    yield from _two_pull_secrets(given)
    if {"catalog", "release_images"} <= found.keys() and not found["catalog"].images:
        yield (
            "RELEASE_IMAGES: no release of 4.11 or later, and release images before have no ISO;"
            " expected one, or the ISOs' URLs in OS_IMAGES"
        )


def _cache_without_key(found: Mapping[str, Any], given: set[str]) -> Iterator[str]:
    if found.get("config_cache_url") is not None and "config_cache_key_file" not in given:
        yield (
            "CONFIG_CACHE_KEY_FILE: not set, and what lies in the Redis of CONFIG_CACHE_URL is"
            " always sealed; expected a file with the key"
        )


def _signed_urls(found: Mapping[str, Any], given: set[str]) -> Iterator[str]:
    if found.get("url_signing_key_file") is not None and "infra_envs_dir" not in given:
        yield (
            "URL_SIGNING_KEY_FILE: set, and assisted-service has tokens of its own; expected with"
            " INFRA_ENVS_DIR only"
        )
    only = "signed_urls_only" in given and found.get("signed_urls_only")
    if only and "url_signing_key_file" not in given:
        yield (
            "SIGNED_URLS_ONLY: true, and no URL can be signed; expected URL_SIGNING_KEY_FILE beside"
            " it"
        )


def _too_few_origin_connections(found: Mapping[str, Any]) -> Iterator[str]:
    images = found["catalog"].images if "catalog" in found else ()
    fetches = {found.get("image_fetch"), *(entry.fetch for entry in images)}
    connections, workers = found.get("origin_connections"), found.get("workers", 1)
    on_demand = fetches & {ImageFetch.ON_DEMAND, ImageFetch.BACKGROUND}
    if on_demand and connections is not None and connections < workers:
        yield (
            f"ORIGIN_CONNECTIONS: {connections}, of which {workers} WORKERS cannot have one each;"
            f" expected {workers} or more"
        )


def _incomplete_s3(found: Mapping[str, Any], given: set[str]) -> Iterator[str]:
    images = found["catalog"].images if "catalog" in found else ()
    if "s3_endpoint" not in given and any(s3_location(entry.url) for entry in images):
        yield "S3_ENDPOINT: not set, and OS_IMAGES has an s3 URL; expected the URL of an S3 server"
    secrets = given & {"s3_secret_key", "s3_secret_key_file"}
    if len(secrets) != 1 if "s3_access_key" in given else "s3_secret_key" in given:
        yield (
            "S3_ACCESS_KEY, S3_SECRET_KEY, S3_SECRET_KEY_FILE: expected the access key and one of"
            " the two others, or none of them"
        )


def _two_pull_secrets(given: set[str]) -> Iterator[str]:
    if {"pull_secret", "pull_secret_file"} <= given:
        yield "PULL_SECRET, PULL_SECRET_FILE: both are set; expected one of them, or neither"


def _missing_base_url(catalog: Catalog) -> Iterator[str]:
    """The complaint about minimal ISOs that would not know where their rootfs is."""
    wanting = [
        f"{entry.openshift_version} {entry.architecture}"
        for entry in catalog.images
        if entry.image_type is ImageType.FULL
        and entry.architecture is not Architecture.S390X
        and entry.rootfs_url is None
    ]
    if wanting:
        yield (
            f"IMAGE_SERVICE_BASE_URL: not set, and the minimal ISOs of {', '.join(wanting)} need"
            " it; expected this service's URL as hosts see it, or a rootfs_url in each of these"
            " OS images"
        )
