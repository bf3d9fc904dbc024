"""
The catalogue of OS images: which are configured, and which one a request means.

The JSON list is the one that assisted-service and the Go assisted-image-service are configured
with (C{OS_IMAGES}).  Versions and architectures become file names in DATA_DIR, so nothing that
could name another directory gets through here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

from assisted_images.values import Architecture, ImageType, semantic_version


class CatalogError(Exception):
    """The list of OS images is wrong; C{problems} has one sentence for each thing wrong."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class UnknownImage(LookupError):
    """No configured OS image fits; the text lists those that are configured."""


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One OS image: what it is and where to download it.

    The URLs may be signed or hold a password, so the repr leaves them out.
    """

    openshift_version: str
    architecture: Architecture
    url: str = field(repr=False)
    version: str
    """The RHCOS version, such as C{418.94.202511191518-0}."""

    image_type: ImageType = ImageType.FULL
    """L{ImageType.FULL} or L{ImageType.DISCONNECTED}: what is downloaded is never minimal."""

    rootfs_url: str | None = field(default=None, repr=False)
    """Where hosts that boot the minimal ISO find the rootfs; C{None}: at this service."""

    sha256: str | None = None
    """Hexadecimal digest of the whole ISO, in lower case."""

    @property
    def file_name(self) -> str:
        """The ISO's name in DATA_DIR, the same as the Go service's."""
        return f"rhcos-{self.image_type}-{self.version}-{self.architecture}.iso"

    @property
    def nmstate_file_name(self) -> str:
        """The name in DATA_DIR of the archive that holds this image's C{nmstatectl}."""
        return f"nmstatectl-{self.version}-{self.architecture}"

    @property
    def public_url(self) -> str:
        """The URL without user information and query: what may be logged."""
        return _public(self.url)

    def __str__(self) -> str:
        return f"{self.openshift_version} ({self.version}) {self.architecture} {self.image_type}"


class Catalog:
    """The configured OS images, each once, and the way to find them."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = tuple(entries)
        kept: dict[tuple[str, Architecture, ImageType], Entry] = {}
        for entry in self._entries:
            key = _key(entry)
            if key not in kept or _newer(entry, kept[key]):
                kept[key] = entry
        self._kept: Mapping[tuple[str, Architecture, ImageType], Entry] = kept
        self.images: tuple[Entry, ...] = tuple(kept.values())
        """
        One entry per RHCOS version, architecture and type, the one with the highest OpenShift
        version: it decides whether hosts want C{nmstatectl}.
        """

    def find(self, version_key: str, architecture: Architecture, image_type: ImageType) -> Entry:
        """
        The OS image that a request means: the entry whose C{version} is C{version_key}, else the
        first whose C{openshift_version} is.  A minimal ISO is made of the full one.

        @raise UnknownImage: there is none.
        """
        source = ImageType.FULL if image_type is ImageType.MINIMAL else image_type
        candidates = [
            entry
            for entry in self._entries
            if entry.architecture is architecture and entry.image_type is source
        ]
        for attribute in ("version", "openshift_version"):
            for entry in candidates:
                if getattr(entry, attribute) == version_key:
                    return self._kept[_key(entry)]
        raise UnknownImage(
            f"version for {_printable(version_key)} {architecture}, not found as {image_type};"
            f" configured are: {'; '.join(map(str, self._entries))}"
        )


def parse_os_images(text: str) -> Catalog:
    """
    Read the JSON list of OS images.  Keys that are not ours are ignored, whatever their type.

    @raise CatalogError: with every problem of every entry.
    """
    try:
        raw = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CatalogError([f"the text is not JSON: {error}; expected a list of objects"]) from None
    if not isinstance(raw, list):
        raise CatalogError(["the text is JSON but no list; expected a list of objects"])
    if not raw:
        raise CatalogError(["the list is empty; expected at least one OS image"])
    entries, problems = [], []
    for index, item in enumerate(raw):
        match _read_entry(item):
            case Entry() as entry:
                entries.append(entry)
            case wrong:
                name = f"entry {index} ({_description(item)})"
                problems += [f"{name}: {problem}" for problem in wrong]
    if problems:
        raise CatalogError(problems)
    return Catalog(entries)


def built_in_catalog() -> Catalog:
    """The images that are served when none are configured: public RHCOS releases."""
    return Catalog(
        Entry(
            openshift_version=release.rpartition(".")[0],
            architecture=architecture,
            url=_MIRROR.format(
                release=release,
                minor=release.rpartition(".")[0],
                arch="aarch64" if architecture is Architecture.ARM64 else architecture.value,
            ),
            version=version,
        )
        for release, architecture, version in _BUILT_IN
    )


_MIRROR = (
    "https://mirror.openshift.com/pub/openshift-v4/{arch}/dependencies/rhcos/{minor}/{release}/"
    "rhcos-{release}-{arch}-live.{arch}.iso"
)

_BUILT_IN = (
    ("4.8.14", Architecture.X86_64, "48.84.202109241901-0"),
    ("4.9.0", Architecture.X86_64, "49.84.202110081407-0"),
    ("4.14.0", Architecture.X86_64, "414.92.202310170514-0"),
    ("4.16.51", Architecture.X86_64, "416.94.202510081640-0"),
    ("4.18.30", Architecture.X86_64, "418.94.202511191518-0"),
    ("4.18.30", Architecture.ARM64, "418.94.202511191518-0"),
)


def _read_entry(item: object) -> Entry | list[str]:
    """The entry that one item of the list describes, or everything that is wrong with it."""
    if not isinstance(item, dict):
        return [f"it is no object; expected one with {', '.join(_REQUIRED)}"]
    values: dict[str, Any] = {}
    problems = []
    for key, (name, read) in _KEYS.items():
        text = item.get(key)
        # A Go template writes "" or null for what is not there.  Not so for a checksum: an empty
        # one is a slip that must not turn the check off.
        if text is None or (text == "" and key != "sha256"):
            if key in _REQUIRED:
                problems.append(f"{key} is missing; expected a string")
        elif not isinstance(text, str):
            problems.append(f"{key} is not a string; expected a string")
        else:
            try:
                values[name] = read(text)
            except ValueError as error:
                problems.append(f"{key}: {error}")
    return problems or Entry(**values)


def _description(item: object) -> str:
    """What identifies an entry to whoever wrote it; nothing secret."""
    if not isinstance(item, dict):
        return _printable(repr(item)) if isinstance(item, int | float | None) else "no object"
    parts = [
        f"{key} {_printable(_public(item[key]) if key == 'url' else item[key])}"
        for key in _REQUIRED
        if isinstance(item.get(key), str)
    ]
    return ", ".join(parts) or "without any of the required keys"


def _openshift_version(text: str) -> str:
    semantic_version(text)
    return text


_FILE_NAME_PART = re.compile(r"[A-Za-z0-9](?:\.?[A-Za-z0-9_+~-])*")
"""What may be part of a file name: no separators, no leading dot, no two dots in a row."""

_LONGEST_VERSION = 128
"""File names have 255 bytes at most; this leaves room for what goes around the version."""


def _version(text: str) -> str:
    if len(text) > _LONGEST_VERSION or not _FILE_NAME_PART.fullmatch(text):
        raise ValueError(
            f"{_printable(text)} cannot be part of a file name; expected letters, digits, single"
            f" dots and any of _+~-, at most {_LONGEST_VERSION} characters"
        )
    return text


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises when it is no number
        sound = parts.scheme in {"http", "https"} and parts.hostname and text.isprintable()
    except ValueError:
        sound = False
    if not sound or " " in text:
        raise ValueError("not a URL; expected one that begins with https:// or http:// and a host")
    return text


def _sha256(text: str) -> str:
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise ValueError(f"{_printable(text)} is not a SHA-256; expected 64 hexadecimal digits")
    return text.lower()


def _image_type(text: str) -> ImageType:
    if text not in _DOWNLOADED:
        raise ValueError(f"unknown type {_printable(text)}; expected {' or '.join(_DOWNLOADED)}")
    return ImageType(text)


_DOWNLOADED = (ImageType.FULL, ImageType.DISCONNECTED)

_KEYS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "openshift_version": ("openshift_version", _openshift_version),
    "cpu_architecture": ("architecture", Architecture.parse),
    "url": ("url", _url),
    "version": ("version", _version),
    "rootfs_url": ("rootfs_url", _url),
    "sha256": ("sha256", _sha256),
    "type": ("image_type", _image_type),
}
"""For each key of the JSON: the L{Entry}'s attribute, and what reads and checks it."""

_REQUIRED = ("openshift_version", "cpu_architecture", "url", "version")


def _key(entry: Entry) -> tuple[str, Architecture, ImageType]:
    return entry.version, entry.architecture, entry.image_type


def _newer(one: Entry, other: Entry) -> bool:
    return semantic_version(one.openshift_version) > semantic_version(other.openshift_version)


def _public(url: str) -> str:
    """The URL's scheme, host and path: user information, query and fragment may be secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(not a URL)"
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return "(not an http URL)"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _printable(text: str) -> str:
    """The text as it is when it is harmless in a line of text, else quoted, and shortened."""
    if len(text) > _LONGEST_VERSION:
        text = text[:_LONGEST_VERSION] + "…"
    return text if text.isprintable() and text else ascii(text)
