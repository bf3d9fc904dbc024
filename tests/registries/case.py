"""Tests with registries, payloads in them, and this project's client of them."""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from twisted.internet.interfaces import IReactorTime

from assisted_images.downloads.parts import Part
from assisted_images.downloads.room import Room
from assisted_images.oci.auths import PullSecret
from assisted_images.oci.mirrors import Mirrors
from assisted_images.oci.references import PullSpec
from assisted_images.registries.registry import Registries
from assisted_images.registries.releases import ReleaseDownloader
from assisted_images.registries.requests import Agents, RegistryRequests
from assisted_images.values import Architecture
from httpd.concurrency.threads import threads_of
from httpd.outbound.failures import DownloadError
from httpd.outbound.proxies import Proxies
from httpd.outbound.trust import tls_policy
from tests.certificates import identity
from tests.httpd.outbound.servers import ServerTestCase, trial_reactor
from tests.registries.payload import RELEASE, RELEASES, Payload, build_payload, small_iso
from tests.registries.registry import PASSWORD, USER, Kind, Registry, start_registry

Seen = list[tuple[int, int | None]]
"""Progress: bytes, and bytes in all."""

X86_64, ARM64 = BOTH = (Architecture.X86_64, Architecture.ARM64)
SOURCE = "source.example"
"""A registry that nobody can reach: names under C{example} are reserved (RFC 2606)."""


@cache
def small_isos() -> dict[Architecture, Path]:
    """An ISO of each kind, made once for all tests of this process."""
    directory = Path(mkdtemp(prefix="isos-", dir=Path.cwd()))
    return {architecture: small_iso(directory, architecture) for architecture in BOTH}


def release_at(place: str, tag: str = RELEASE) -> PullSpec:
    """The payload's release image in a registry."""
    return PullSpec.parse(f"{place}/{RELEASES}:{tag}")


def pull_secret(place: str, password: str = PASSWORD) -> str:
    """A docker auth file with a login for one place."""
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    return json.dumps({"auths": {place: {"auth": auth}}})


def release_images(
    place: str,
    *architectures: Architecture,
    version: str = RELEASE,
    openshift_version: str = "4.14",
    tag: str = RELEASE,
) -> dict[str, str]:
    """
    The setting C{RELEASE_IMAGES}.

    @param place: the registry that the release image is said to be in.
    @param openshift_version: 4.14 wants no nmstatectl.
    """
    release = release_at(place, tag)
    entry = {
        "openshift_version": openshift_version,
        "cpu_architectures": list(architectures or BOTH),
        "version": version,
        "url": str(release),
    }
    return {"RELEASE_IMAGES": json.dumps([entry])}


def registries_conf(source: str, *mirrors: str, blocked: bool = False) -> str:
    """A configuration with insecure mirrors, in order, for one source, which is insecure too."""
    lines = ["[[registry]]", f'prefix = "{source}"', f'location = "{source}"', "insecure = true"]
    lines.append(f"blocked = {json.dumps(blocked)}")
    for mirror in mirrors:
        lines += ["[[registry.mirror]]", f'location = "{mirror}"', "insecure = true"]
    return "\n".join([*lines, ""])


class RegistryTestCase(ServerTestCase):
    """Registries that are gone after the test."""

    timeout = 120

    def directory(self) -> Path:
        path = Path(self.mktemp()).resolve()
        path.mkdir(parents=True)
        return path

    async def registry(self, **kind: Any) -> Registry:
        return await start_registry(self, Kind(**kind))

    def certificate(self) -> tuple[tuple[Path, Path], Path]:
        """Key and certificate for C{localhost}, and the bundle with the authority behind it."""
        authority = identity("test authority", authority=True)
        directory = self.directory()
        bundle = directory / "authority.pem"
        bundle.write_bytes(authority.certificate_pem)
        return identity("localhost", authority).write(directory), bundle

    async def small_payload(self, source: str, *registries: Registry, **more: Any) -> Payload:
        """A payload with small ISOs, that says it is at C{source}, in the registries."""
        payload = build_payload(Path(self.mktemp()).resolve(), source, small_isos(), **more)
        for registry in registries:
            await payload.push(registry)
        return payload

    def registries(
        self,
        *,
        conf: str | None = None,
        secret: str | None = None,
        bundle: Path | None = None,
        clock: IReactorTime | None = None,
        proxies: Proxies | None = None,
    ) -> Registries:
        """
        The client, which gives up after 20 seconds.

        @param conf: C{registries.conf}.
        @param secret: the pull secret.
        @param bundle: what is trusted besides the system's roots.
        @param clock: tells when bodies of blobs have stalled.
        """
        reactor, seconds = trial_reactor(), 20.0
        requests = RegistryRequests(
            Agents(
                self.agent(tls_policy(bundle), proxies),
                self.agent(tls_policy(verify=False), proxies),
            ),
            reactor,
            PullSecret.none() if secret is None else PullSecret.parse(secret),
            seconds,
        )
        mirrors = Mirrors.none() if conf is None else Mirrors.parse(conf)
        return Registries(requests, mirrors, clock or reactor, threads_of(reactor), seconds)

    def part(self, directory: Path | None = None) -> Part:
        part = Part.open((directory or self.directory()) / "image.iso")
        self.addCleanup(part.close)
        return part


class ClientTestCase(RegistryTestCase):
    """Downloads out of a payload."""

    async def download(
        self,
        registries: Registries,
        place: str,
        architecture: Architecture = X86_64,
        *,
        part: Part | None = None,
        seen: Seen | None = None,
    ) -> bytes:
        """The ISO; C{seen} gets all progress."""
        part = part or self.part()
        await ReleaseDownloader(registries, Room()).download(
            release_at(place),
            architecture,
            part,
            lambda present, total: None if seen is None else seen.append((present, total)),
        )
        return part.path.read_bytes()

    async def refusal(self, registries: Registries, place: str, **more: Any) -> str:
        """The text of the error; what is kept has no bytes."""
        directory = self.directory()
        part = self.part(directory)
        downloading = self.download(registries, place, part=part, **more)
        text = await self.failure(downloading, DownloadError)
        self.assertEqual(
            [file.stat().st_size for file in directory.iterdir()],
            [0] * len(list(directory.iterdir())),
        )
        return text

    def iso(self, architecture: Architecture = X86_64) -> bytes:
        return small_isos()[architecture].read_bytes()
