"""
C{assisted-images check-config}: whether the settings are right, and whether what they name is there
and answers, before the service starts with them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from cryptography import x509
from twisted.internet.defer import Deferred, TimeoutError
from twisted.python import usage
from twisted.web.http_headers import Headers

from assisted_images.assembly import assisted_service_url, make_redis
from assisted_images.commands.findings import Finding, report
from assisted_images.downloads.room import Room
from assisted_images.image_assembly import make_downloader
from assisted_images.infra_envs.sealing import Seals, read_secret
from assisted_images.infra_envs.shared_places import KeyComparison
from assisted_images.oci.references import PullSpec
from assisted_images.on_demand.origin import HttpOrigin, NoParts
from assisted_images.outbound import Outbound
from assisted_images.registries.registry import Registries
from assisted_images.registries.releases import resolve
from assisted_images.registries.settings import make_registries
from assisted_images.settings.options import Options
from assisted_images.settings.settings import Settings
from assisted_images.store.origins import origin_of_parts
from assisted_images.values import Architecture
from httpd.concurrency.coroutines import side_by_side
from httpd.outbound.bodies import discard
from httpd.outbound.failures import DownloadError, status_text
from httpd.outbound.redirects import get
from httpd.outbound.redis import Ask, RedisAway
from httpd.redis_urls import RedisPlace
from httpd.settings.reading import given
from httpd.texts import os_error_text
from httpd.urls import public_url

Check = Callable[[], Coroutine[Deferred[Any], Any, str]]
"""Says what is there; C{OSError}, C{ValueError} and C{DownloadError} say what is wrong with it."""

_SECONDS = 15.0
"""For which each server is waited for."""


class CheckOptions(Options):
    """
    The command line: every setting of the service.

    @ivar problems: what is wrong with them, a line each.
    """

    optFlags = [["json", None, "write a list of JSON objects"]]  # noqa: N815, RUF012
    longdesc = (
        "Checks the settings as the service reads them, and whether what they name is there:"
        " certificates, DATA_DIR, the servers of OS images, registries, assisted-service, Redis."
        " Nothing is downloaded. Each option but --json is also a variable of the environment."
    )
    examples = (
        "assisted-images check-config",
        "assisted-images check-config --json --data-dir /data --infra-envs-dir /infra-envs"
        " --image-service-base-url http://images.example.com:8080",
    )

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        super().__init__(environment)
        self.problems: list[str] = []

    def getSynopsis(self) -> str:  # noqa: N802
        """The first line of the help."""
        return "Usage: assisted-images check-config [options]"

    def wrong(self, problems: list[str]) -> str:
        """Keep them."""
        self.problems = problems
        return super().wrong(problems)

    def postOptions(self) -> None:
        """Read them; what is wrong is shown with what is right."""
        try:
            super().postOptions()
        except usage.UsageError:
            if not self.problems:
                raise

    @property
    def given(self) -> Iterator[str]:
        """The names of the settings that are set."""
        for setting in self.table:
            name, text = given(self.texts, setting)
            if text:
                yield name


async def check_config(reactor: Any, options: CheckOptions, output: TextIO) -> None:
    """
    Write what is right and what is wrong.

    @raise SystemExit: with 1, when something is wrong.
    """
    findings = [Finding("settings", False, problem) for problem in options.problems]
    if not findings:
        names = ", ".join(options.given) or "none is set"
        findings = [Finding("settings", True, names)]
        findings += [Finding("settings", True, one) for one in options.settings.warnings]
        findings += await _found(reactor, options.settings)
    report(findings, output, as_json=bool(options["json"]))


async def _found(reactor: Any, settings: Settings) -> list[Finding]:
    """What there is of what the settings name; all servers are asked at once."""
    outbound = Outbound(settings, reactor)
    checks: list[tuple[str, Check]] = [
        ("DATA_DIR", partial(_room, settings)),
        *_checks(reactor, settings, outbound),
    ]
    try:
        return await side_by_side(_finding(reactor, *check) for check in checks)
    finally:
        await outbound.stopService()


async def _finding(reactor: Any, what: str, check: Check) -> Finding:
    try:
        text = await Deferred.fromCoroutine(check()).addTimeout(_SECONDS, reactor)
    except (DownloadError, RedisAway, ValueError) as error:
        return Finding(what, False, str(error))
    except TimeoutError:
        return Finding(what, False, f"no answer within {_SECONDS:g} s")
    except OSError as error:
        return Finding(what, False, os_error_text(error))
    return Finding(what, True, text)


async def _room(settings: Settings) -> str:
    free = shutil.disk_usage(settings.data_dir).free
    return f"{settings.data_dir}, {free / (1 << 30):.1f} GiB free"


async def _certificate(file: Path) -> str:
    """How long the one that the service shows is good; the settings' own check has read it."""
    certificate, *_ = x509.load_pem_x509_certificates(file.read_bytes())
    end = certificate.not_valid_after_utc
    days = (end - datetime.now(UTC)).days
    if days < 0:
        raise ValueError(f"{file} has expired, on {end:%Y-%m-%d}; expected one that is valid")
    return f"{file}, until {end:%Y-%m-%d} ({days} days)"


def _checks(reactor: Any, settings: Settings, outbound: Outbound) -> Iterator[tuple[str, Check]]:
    if settings.https_cert_file is not None:
        yield "certificate", partial(_certificate, settings.https_cert_file)
    downloader = make_downloader(settings, reactor, outbound, Room())
    registries = make_registries(settings, outbound.registries, reactor)
    for entry in settings.catalog.images:
        what = f"image {entry.version} {entry.architecture}"
        if entry.release is None:
            origin = origin_of_parts(entry, downloader, settings.s3_endpoint)
            yield what, partial(_image_at_server, origin)
        else:
            architecture = entry.architecture
            yield what, partial(_image_in_release, registries, entry.release, architecture)
    if settings.assisted_service_host is not None:
        yield "assisted-service", partial(_assisted_service, reactor, settings, outbound)
        place, key_file = settings.config_cache_url, settings.config_cache_key_file
        if place is not None and key_file is not None and settings.config_share_seconds > 0:
            yield "Redis", partial(_redis, reactor, settings, place, key_file)


async def _image_at_server(origin: HttpOrigin) -> str:
    url = public_url(origin.url)
    try:
        facts = await origin.facts()
    except NoParts as error:
        return f"{url}, to be fetched whole: {error}"
    return f"{url}, {facts.size / (1 << 20):.1f} MiB"


async def _image_in_release(
    registries: Registries, release: PullSpec, architecture: Architecture
) -> str:
    iso = await resolve(registries, release, architecture)
    return f"{iso.machine_os_images} at {iso.image.place.spec.name}"


async def _assisted_service(reactor: Any, settings: Settings, outbound: Outbound) -> str:
    url = assisted_service_url(settings)
    response, _ = await get(outbound.assisted_service, reactor, _SECONDS, url, lambda _: Headers())
    discard(response)
    return f"{url} answers ({status_text(response.code)})"


async def _redis(reactor: Any, settings: Settings, place: RedisPlace, key_file: Path) -> str:
    """Whether it answers, and allows what is asked of it; nothing is left there."""
    seals = Seals(read_secret(key_file), assisted_service_url(settings))
    comparison = KeyComparison(seals.commons, seals.fingerprint)
    differs = False

    async def look(ask: Ask) -> None:
        nonlocal differs
        differs = await comparison.differs(ask)

    await make_redis(settings, place, reactor, look).visit()
    return f"{place} answers" + ("; a replica has come there with another key" if differs else "")
