"""Pull specs: the names of images in registries (OCI distribution specification, "Pull")."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Self

from assisted_images.oci.digests import checked_digest
from httpd.texts import quoted

_DEFAULT_TAG = "latest"
_DOCKER = "docker.io"
_LONGEST_NAME = 255

_REGISTRY = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_REPOSITORY = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")

_EXAMPLE = "quay.io/openshift-release-dev/ocp-release:4.14.0-x86_64"


@dataclass(frozen=True, slots=True)
class PullSpec:
    """
    Where an image is: C{registry/repository:tag}, C{registry/repository@digest}, or with both, of
    which the digest counts.
    """

    registry: str
    """Host and, where one is given, port: C{quay.io}, C{mirror.example.com:5000}; in lower case."""

    repository: str
    tag: str | None = None
    digest: str | None = None
    """Such as C{sha256:9f86…}."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read a pull spec.  One without tag and digest has the tag C{latest}.

        @raise ValueError: it is none.  A text with C{@} that may hold a password is not quoted.
        """
        if "://" in text:
            raise ValueError(f"a URL is no pull spec; expected one such as {_EXAMPLE}")
        name, at, digest = text.partition("@")
        if at:
            _check_digest(digest)
        registry, _, path = name.partition("/")
        path, colon, tag = path.partition(":")
        registry = registry_name(registry)
        if registry == _DOCKER and "/" not in path:
            path = f"library/{path}" if path else path
        if not path or not is_registry(registry):
            raise ValueError(
                f"{quoted(name)} does not begin with a registry; expected a host and a repository,"
                f" such as {_EXAMPLE}"
            )
        if len(name) > _LONGEST_NAME or not _REPOSITORY.fullmatch(path):
            raise ValueError(
                f"{quoted(path)} is no repository; expected names of lower-case letters and digits"
                f" with slashes between, such as {_EXAMPLE}"
            )
        if colon and not _TAG.fullmatch(tag):
            raise ValueError(
                f"{quoted(tag)} is no tag; expected letters, digits and any of _.-, at most 128"
            )
        return cls(registry, path, tag if colon else None if at else _DEFAULT_TAG, digest or None)

    @property
    def name(self) -> str:
        """Registry and repository."""
        return f"{self.registry}/{self.repository}"

    @property
    def reference(self) -> str:
        """What a manifest is asked for by: the digest, else the tag."""
        return self.digest or self.tag or _DEFAULT_TAG

    def with_digest(self, digest: str) -> Self:
        """The same repository's manifest of C{digest}, whatever this one's tag is."""
        return replace(self, tag=None, digest=checked_digest(digest))

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}" + (f"@{self.digest}" if self.digest else "")


def registry_name(text: str) -> str:
    """
    A registry's name, in lower case.  Docker's has several, of which C{docker.io} is the one in
    pull specs (distribution/reference, "normalize.go").
    """
    name = text.lower()
    return _DOCKER if name in {"index.docker.io", "registry-1.docker.io"} else name


def registry_host(name: str) -> str:
    """Where a registry of this name answers, as host and perhaps port."""
    return "registry-1.docker.io" if name == _DOCKER else name


def is_registry(text: str) -> bool:
    """
    Whether this is a registry's host, with or without a port.  As everywhere it has a dot or a
    port or is C{localhost}: else it would be the first part of a repository at a registry that the
    reader has to know.
    """
    name, _, port = text.rpartition("]")[2].partition(":")
    return (
        _REGISTRY.fullmatch(text) is not None
        and ("." in text or ":" in text or text == "localhost")
        and ".." not in name
        and (not port or 0 < int(port) < 65536)
    )


def _check_digest(text: str) -> None:
    if not text.startswith(("sha256:", "sha512:")):
        raise ValueError(
            f"what is behind the @ is no digest; expected a pull spec such as {_EXAMPLE}; user and"
            " password have their place in the pull secret"
        )
    checked_digest(text)
