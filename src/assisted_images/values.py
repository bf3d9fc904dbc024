"""
The words of the domain as small immutable values: architectures, image types, versions, extents,
and the configuration that is spliced into an image.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from semver import Version

from assisted_images import __version__
from httpd.texts import quoted

USER_AGENT = "assisted-images"
"""Who this service is to the servers that it asks."""

VERSION_TEXT = f"assisted-images {__version__}"
"""Who this service is to its operator."""


class Architecture(StrEnum):
    """A CPU architecture, spelled as assisted-service spells it."""

    X86_64 = "x86_64"
    ARM64 = "arm64"
    PPC64LE = "ppc64le"
    S390X = "s390x"

    @classmethod
    def parse(cls, text: str) -> Architecture:
        """
        Read an architecture's name; C{aarch64} and C{amd64} are accepted as aliases.

        @raise ValueError: no such architecture; the text lists those there are.
        """
        try:
            return cls(_ARCHITECTURE_ALIASES.get(text, text))
        except ValueError:
            raise ValueError(
                f"unknown CPU architecture {quoted(text)}; expected one of {', '.join(cls)}"
            ) from None

    @property
    def machine(self) -> str:
        """What C{uname -m} says there, and what CoreOS calls it in file names."""
        return "aarch64" if self is Architecture.ARM64 else self.value


_ARCHITECTURE_ALIASES = {"aarch64": "arm64", "amd64": "x86_64"}


class ImageType(StrEnum):
    """What kind of discovery image a client asks for."""

    FULL = "full-iso"
    MINIMAL = "minimal-iso"
    DISCONNECTED = "disconnected-iso"

    @property
    def file_name(self) -> str:
        """The last path component that asks for this type, such as C{full.iso}."""
        return self.value.replace("-", ".")


class ImageFetch(StrEnum):
    """What of an OS image is brought here, and when."""

    WHOLE = "whole"
    """All of it, before any of it is served."""

    ON_DEMAND = "on-demand"
    """What clients ask for, when they do."""

    BACKGROUND = "background"
    """What clients ask for first, and all the rest meanwhile."""


@dataclass(frozen=True, slots=True, order=True)
class OpenShiftVersion:
    """A version of OpenShift, as it compares with others."""

    numbers: tuple[int, ...]
    """Without zeros at the end: C{4.18} equals C{4.18.0}."""

    pre_release: Version
    """0.0.0 with the pre-release: those come before the release (Semantic Versioning 2.0.0, 11)."""

    @classmethod
    def parse(cls, text: str) -> OpenShiftVersion:
        """
        Read a version, such as C{4.18} or C{4.18.0-ec.0}.  As in the Go service it need not be a
        semantic one: there may be a C{v} before it, fewer or more numbers than three, and zeros
        before a number.

        @raise ValueError: the text is no version.
        """
        found = _VERSION.fullmatch(text) if len(text) <= _LONGEST_VERSION else None
        if found is None:
            raise ValueError(
                f"{quoted(text)} is not a version; expected a semantic version such as 4.18.1"
            )
        numbers = [int(number) for number in found["numbers"].split(".")]
        while numbers and numbers[-1] == 0:
            numbers.pop()
        pre_release = _LEADING_ZEROS.sub("", found["pre_release"] or "")
        return cls(tuple(numbers), Version(0, prerelease=pre_release or None))


_LONGEST_VERSION = 128
_IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION = re.compile(
    rf"v?(?P<numbers>[0-9]+(?:\.[0-9]+)*)(?:-(?P<pre_release>{_IDENTIFIERS}))?(?:\+{_IDENTIFIERS})?"
)
_LEADING_ZEROS = re.compile(r"(?<![^.])0+(?=[0-9]+(?![^.]))")
"""Those of identifiers that are numbers, where Semantic Versioning allows none."""

NMSTATE_SINCE = OpenShiftVersion.parse("4.18.0-ec.0")
"""From this OpenShift version on, hosts want C{nmstatectl} in their initial ramdisk."""


_INFRA_ENV_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_infra_env_id(text: str) -> bool:
    """Whether C{text} can be an infra-env's id: a lower-case UUID, and so harmless in a path."""
    return _INFRA_ENV_ID.fullmatch(text) is not None


_MAC = re.compile(
    r"[0-9a-f]{2}([:-]?)[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}"
)


def canonical_mac(text: str) -> str:
    """
    A MAC address (IEEE 802, EUI-48) in one of its usual spellings, as C{52-54-00-12-34-56}, which
    is harmless in a path.

    @raise ValueError: it is none; it is not quoted, since it may be anything.
    """
    found = _MAC.fullmatch(text.lower()) if text.isascii() else None
    if found is None:
        raise ValueError("no MAC address; expected one such as 52-54-00-12-34-56")
    return "-".join(re.findall("[0-9a-f]{2}", re.sub("[^0-9a-f]", "", found[0])))


def is_canonical_mac(text: str) -> bool:
    """Whether C{text} is a MAC address as L{canonical_mac} spells it."""
    try:
        return canonical_mac(text) == text
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, order=True)
class Extent:
    """A run of bytes in an ISO: where it starts and how long it is, both in bytes."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """The offset just behind the last byte."""
        return self.offset + self.length


class KernelArgumentOperation(StrEnum):
    """What is done with a kernel argument, in the order in which coreos-installer does it."""

    DELETE = "delete"
    APPEND = "append"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class KernelArgumentEdit:
    """One change of a kernel's command line, as C{coreos-installer iso kargs modify} makes them."""

    operation: KernelArgumentOperation
    text: str = field(repr=False)
    """The argument to append or to delete, or C{KEY=OLD=NEW}."""


def in_order(edits: Iterable[KernelArgumentEdit]) -> tuple[KernelArgumentEdit, ...]:
    """
    Edits that are given together, in the order in which they are applied: what is deleted, then
    what is appended, then what is replaced (coreos-installer, C{KargsEditor}).
    """
    operations = [*KernelArgumentOperation]
    return tuple(sorted(edits, key=lambda edit: operations.index(edit.operation)))


_KEPT_WITH_IT = 1024
"""Bytes that a configuration takes besides what it says: objects, and its place in a cache."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """
    One infra-env's configuration: what makes an OS image its discovery image.

    Everything but the times is secret, so the repr shows sizes only.
    """

    ignition: bytes = field(repr=False)
    """The Ignition config, as assisted-service sent it."""

    ramdisk: bytes = field(default=b"", repr=False)
    """A gzipped cpio with static network files; empty where the infra-env has none."""

    kernel_arguments: tuple[KernelArgumentEdit, ...] = field(default=(), repr=False)
    """What changes in the kernel's command line; applied one after another."""

    last_modified: float | None = None
    """When assisted-service last changed the Ignition config, in seconds since the epoch."""

    @property
    def size(self) -> int:
        """About how many bytes of memory it takes where it is kept."""
        arguments = sum(len(edit.text) for edit in self.kernel_arguments)
        return len(self.ignition) + len(self.ramdisk) + arguments + _KEPT_WITH_IT
