"""
C{assisted-images inspect-release}: what ISOs a release image would give, before it is configured,
and whether mirrors and pull secret work.

It reads manifests, the release's C{image-references}, and of each ISO the first sectors.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm
from twisted.python import usage

from assisted_images.commands.progress import bar_of_bytes
from assisted_images.commands.some_options import SomeOptions, table_of
from assisted_images.iso9660.errors import IsoError
from assisted_images.iso9660.volume import VOLUME_ID_BYTES, volume_id_of
from assisted_images.live.layout import os_version_of
from assisted_images.oci.auths import PullSecret
from assisted_images.oci.manifests import Descriptor
from assisted_images.oci.references import PullSpec
from assisted_images.registries.registry import Registries
from assisted_images.registries.releases import architectures, iso_beginning, resolve
from assisted_images.registries.settings import make_registries, registry_agents
from assisted_images.values import Architecture
from httpd.outbound.failures import DownloadError
from httpd.outbound.proxies import Proxies
from httpd.settings.options import parameters, the_one
from httpd.texts import quoted

_FAILED = 1


@dataclass(frozen=True, slots=True)
class InspectSettings:
    """Those of the service's settings that matter here, by the same names."""

    pull_secret: PullSecret | None = field(repr=False)
    pull_secret_file: Path | None
    registries_conf: Path | None
    registry_trusted_ca_file: Path | None
    http_proxy: str | None = field(repr=False)
    https_proxy: str | None = field(repr=False)
    no_proxy: str | None
    download_stall_seconds: float


_TABLE = table_of(InspectSettings)


class InspectOptions(SomeOptions[InspectSettings]):
    """
    The command line.

    @ivar spec: the release image's pull spec.
    """

    settings_class = InspectSettings
    table = _TABLE
    optParameters = parameters(_TABLE)
    optFlags = [["json", None, "write one JSON object"]]  # noqa: N815, RUF012

    longdesc = (
        "Shows for each architecture of an OpenShift release image the ISO that RELEASE_IMAGES"
        " would take out of it. Each option but --json is also a variable of the environment."
    )
    examples = (
        "assisted-images inspect-release --pull-secret-file pull-secret.json"
        " quay.io/openshift-release-dev/ocp-release:4.18.30-x86_64",
    )

    spec: PullSpec

    def getSynopsis(self) -> str:  # noqa: N802
        """The first line of the help."""
        return "Usage: assisted-images inspect-release [options] <pull spec>"

    def parseArgs(self, *arguments: str) -> None:  # noqa: N802
        """
        Take the pull spec.

        @raise usage.UsageError: it is missing, or none.
        """
        sample = "quay.io/openshift-release-dev/ocp-release:4.14.0-x86_64"
        text = the_one(arguments, f"pull spec, such as {sample}")
        try:
            self.spec = PullSpec.parse(text)
        except ValueError as error:
            raise usage.UsageError(str(error)) from None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a release image would give for one architecture."""

    arch: str
    release_version: str
    machine_os_images: str
    """The pull spec, by digest, that the release has."""

    found_at: str
    """The registry and repository, a mirror perhaps, that has it."""

    iso: str
    """The ISO's path in it."""

    size: int
    """Of the ISO, in bytes."""

    rhcos_version: str

    def as_text(self) -> str:
        """For people."""
        rows = {
            "release": self.release_version,
            "machine-os-images": self.machine_os_images,
            "found at": self.found_at,
            "ISO": self.iso,
            "size": f"{self.size} bytes ({self.size / (1 << 20):.1f} MiB)",
            "RHCOS": self.rhcos_version,
        }
        return "\n".join([self.arch, *(f"  {name:<18} {text}" for name, text in rows.items())])


class Progress:
    """
    A bar for each blob that is read, on a terminal; nothing elsewhere.

    @ivar what: is being looked at.
    """

    what = ""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._blob: Descriptor | None = None
        self._bar: tqdm[Any] | None = None

    def arrived(self, blob: Descriptor, size: int) -> None:
        """So many bytes of C{blob} are there."""
        if blob != self._blob or self._bar is None:
            self.close()
            self._blob = blob
            self._bar = bar_of_bytes(self.what, blob.size, self._terminal)
        self._bar.update(size - self._bar.n)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()


async def inspect_release(
    reactor: Any, options: InspectOptions, output: TextIO, errors: TextIO
) -> None:
    """
    Write what C{options.spec} would give.  What one architecture lacks does not keep the others
    from being shown.

    @param errors: takes a sentence for each failure and, where it is a terminal, a progress bar.
    @raise SystemExit: with 1, when something has failed.
    """
    settings = options.settings
    proxies = Proxies.of(settings.http_proxy, settings.https_proxy, settings.no_proxy)
    agents = registry_agents(settings, proxies, reactor)
    findings: list[Finding] = []
    failures: list[str] = []
    with closing(Progress(errors)) as progress:
        registries = make_registries(settings, agents, reactor, progress.arrived)
        async for outcome in _outcomes(registries, options.spec, progress):
            if isinstance(outcome, Finding):
                findings.append(outcome)
            else:
                failures.append(outcome)
    _write(options, findings, output)
    errors.writelines(f"assisted-images: {failure}\n" for failure in failures)
    if failures:
        raise SystemExit(_FAILED)


async def _outcomes(
    registries: Registries, spec: PullSpec, progress: Progress
) -> AsyncIterator[Finding | str]:
    """For each architecture what there is, or what has failed."""
    progress.what = "release image"
    try:
        found = await architectures(registries, spec)
    except DownloadError as error:
        yield str(error)
        return
    if not found:
        yield f"{spec} is for no architecture that is known; expected {' or '.join(Architecture)}"
    for architecture in found:
        progress.what = architecture.value
        try:
            yield await _finding(registries, spec, architecture)
        except DownloadError as error:
            yield f"{architecture}: {error}"


async def _finding(registries: Registries, spec: PullSpec, architecture: Architecture) -> Finding:
    iso = await resolve(registries, spec, architecture)
    path, size, beginning = await iso_beginning(registries, iso, VOLUME_ID_BYTES)
    try:
        volume_id = volume_id_of(beginning)
    except IsoError as error:
        raise DownloadError(f"{path} in {iso.machine_os_images}: {error}") from None
    return Finding(
        arch=architecture.value,
        release_version=iso.version,
        machine_os_images=str(iso.machine_os_images),
        found_at=iso.image.place.spec.name,
        iso=path,
        size=size,
        rhcos_version=os_version_of(volume_id) or f"none: the volume id is {quoted(volume_id)}",
    )


def _write(options: InspectOptions, findings: Iterable[Finding], output: TextIO) -> None:
    if options["json"]:
        images = [asdict(finding) for finding in findings]
        document = {"pull_spec": str(options.spec), "images": images}
        output.write(json.dumps(document, indent=1) + "\n")
    else:
        output.write("".join(f"{finding.as_text()}\n" for finding in findings))
