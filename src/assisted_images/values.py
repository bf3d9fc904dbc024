"""
The words of the domain as small immutable values: architectures, image types, versions, extents,
and the configuration that is spliced into an image.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from semver import Version

from httpd.texts import quoted

USER_AGENT = "assisted-images"
"""Who this service is to the servers that it asks."""


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


def semantic_version(text: str) -> Version:
    """
    Read an OpenShift version, such as C{4.18} (which equals C{4.18.0}) or C{4.18.0-ec.0}.

    @raise ValueError: the text is no semantic version.
    """
    try:
        return Version.parse(text, optional_minor_and_patch=True)
    except ValueError:
        raise ValueError(
            f"{quoted(text)} is not a version; expected a semantic version such as 4.18.1"
        ) from None


NMSTATE_SINCE = semantic_version("4.18.0-ec.0")
"""From this OpenShift version on, hosts want C{nmstatectl} in their initial ramdisk."""


_INFRA_ENV_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_infra_env_id(text: str) -> bool:
    """Whether C{text} can be an infra-env's id: a lower-case UUID, and so harmless in a path."""
    return _INFRA_ENV_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, order=True)
class Extent:
    """A run of bytes in an ISO: where it starts and how long it is, both in bytes."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """The offset just behind the last byte."""
        return self.offset + self.length


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

    kernel_arguments: tuple[str, ...] = field(default=(), repr=False)
    """To be appended to the kernel command line, in order."""

    last_modified: float | None = None
    """When assisted-service last changed the Ignition config, in seconds since the epoch."""
