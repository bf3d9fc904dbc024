"""
Manifests: the JSON objects in S3 that name an image's artifacts, and those that name where a soft
delete has moved them.

C{{"version": "1.0", "created": "…", "artifacts": [{"type": "…", "md5": "…", "link": {…}}, …]}}
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from httpd.texts import quoted
from image_management.records.links import BadLink, Link

VERSION = "1.0"
"""The one version of manifests."""

MANIFEST_TYPE = "application/vnd.cray.image.manifest"
"""The type of an image's own manifest in the one that names where everything was moved."""

ROOT_FILE_SYSTEM_TYPE = "application/vnd.cray.image.rootfs.squashfs"
"""How the type of a root file system begins; each image has one."""

CONTENT_TYPE = "application/json"

_ARTIFACT_TYPES = {
    "rootfs": ROOT_FILE_SYSTEM_TYPE,
    "kernel": "application/vnd.cray.image.kernel",
    "initrd": "application/vnd.cray.image.initrd",
    "boot_parameters": "application/vnd.cray.image.parameters.boot",
}

ARTIFACT_NAMES = tuple(_ARTIFACT_TYPES)
"""What artifacts that a machine boots of are called in URLs."""

_OBJECTS = msgspec.json.Decoder(dict[str, Any])


class BadManifest(ValueError):
    """It is no manifest; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """An entry of a manifest that says where an artifact is."""

    type: str
    """Empty: it says none."""
    link: Link
    members: Mapping[str, Any]
    """The whole entry."""

    def moved_to(self, link: Link) -> dict[str, Any]:
        """The entry of the same artifact elsewhere."""
        return {**self.members, "link": link.document}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that was read."""

    document: Mapping[str, Any]
    artifacts: tuple[Artifact, ...]
    problems: tuple[str, ...]
    """What is wrong with each entry that names no artifact."""

    @property
    def root_file_systems(self) -> list[Artifact]:
        """Those that are root file systems; of a good manifest one."""
        return [one for one in self.artifacts if one.type.startswith(ROOT_FILE_SYSTEM_TYPE)]

    def named(self, name: str) -> Artifact | None:
        """The first artifact that a machine boots of, by its name out of L{ARTIFACT_NAMES}."""
        beginning = _ARTIFACT_TYPES[name]
        return next((one for one in self.artifacts if one.type.startswith(beginning)), None)


def read_manifest(data: bytes) -> Manifest:
    """
    Read a manifest for what it names, however odd the rest of it is.

    @raise BadManifest: it is no JSON object with a list of artifacts.
    """
    try:
        document = _OBJECTS.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadManifest(f"it is no JSON object: {error}") from None
    entries = document.get("artifacts")
    if not isinstance(entries, list):
        raise BadManifest("it has no list of artifacts")
    artifacts, problems = [], []
    for number, entry in enumerate(entries):
        try:
            artifacts.append(_artifact(entry))
        except ValueError as error:
            problems.append(f"artifact {number}: {error}")
    return Manifest(document, tuple(artifacts), tuple(problems))


def _artifact(entry: object) -> Artifact:
    if not isinstance(entry, dict):
        raise BadManifest("it is no JSON object")
    try:
        link = Link.read(entry.get("link"))
    except BadLink as error:
        raise BadManifest(f"link: {error}") from None
    kind = entry.get("type")
    return Artifact(kind if isinstance(kind, str) else "", link, entry)


def check_manifest(manifest: Manifest) -> None:
    """
    Refuse what an image cannot have for a manifest, short of how many root file systems there are.

    @raise BadManifest: it is of another version, or an entry has no type or no link.
    """
    version = manifest.document.get("version")
    if version != VERSION:
        shown = quoted(version) if isinstance(version, str) else "no text"
        raise BadManifest(f"version is {shown}; expected {VERSION}")
    if manifest.problems:
        raise BadManifest(manifest.problems[0])
    for artifact in manifest.artifacts:
        if not artifact.type:
            raise BadManifest(f"the artifact {quoted(artifact.link.path)} has no type")


def artifact_entry(name: str, link: Link, md5: str) -> dict[str, Any]:
    """
    The entry of an artifact that a machine boots of.

    @param name: out of L{ARTIFACT_NAMES}.
    """
    return {"type": _ARTIFACT_TYPES[name], "md5": md5, "link": link.document}


def image_manifest(entries: Iterable[Mapping[str, Any]], seconds: float) -> dict[str, Any]:
    """
    The manifest of an image.

    @param seconds: when it was made, since the epoch.
    """
    created = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return {"version": VERSION, "created": created, "artifacts": list(entries)}


def deleted_manifest_key(image_id: str) -> str:
    """Where the manifest is that names what was moved of an image."""
    return f"deleted/{image_id}/deleted_manifest.json"


def deleted_manifest(entries: Iterable[Mapping[str, Any]], seconds: float) -> dict[str, Any]:
    """
    The manifest that names what was moved.

    @param seconds: when that was, since the epoch.
    """
    return image_manifest(entries, seconds)


def with_etags(document: Mapping[str, Any], links: Mapping[str, Link]) -> dict[str, Any]:
    """
    A manifest with the etags that its artifacts have now.

    @param links: those that are known, by their paths.
    """

    def entry_now(entry: Any) -> Any:
        try:
            now = links[Link.read(entry["link"]).path]
        except (BadLink, KeyError, TypeError):
            return entry
        return {**entry, "link": {**entry["link"], "etag": now.etag}}

    return {**document, "artifacts": [entry_now(entry) for entry in document["artifacts"]]}


def outdated(manifest: Manifest, links: Mapping[str, Link]) -> bool:
    """Whether a manifest says another etag of one of the artifacts than it has now."""
    return any(
        artifact.link.etag and not artifact.link.same_as(links[artifact.link.path])
        for artifact in manifest.artifacts
        if artifact.link.path in links
    )


def manifest_bytes(document: Mapping[str, Any]) -> bytes:
    """A manifest as it is written."""
    return json.dumps(document, indent=2).encode()
