"""
Which places an image is looked for at: containers-registries.conf(5), version 2.

Of that file those keys are read that say where images are; short names and credential programs have
no meaning here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import msgspec

from assisted_images.oci.references import PullSpec, is_registry, registry_name
from httpd.texts import quoted

_WILDCARD = "*."


class Blocked(ValueError):
    """The registries' configuration leaves no place to pull an image from."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place to look for an image at."""

    spec: PullSpec
    """The image's name there."""

    insecure: bool = False
    """Whether plain HTTP and certificates of unknown authorities will do."""


class PullFromMirror(StrEnum):
    """Which images a mirror is asked for."""

    ALL = "all"
    DIGEST_ONLY = "digest-only"
    TAG_ONLY = "tag-only"

    def fits(self, spec: PullSpec) -> bool:
        """Whether it is asked for C{spec}."""
        if self is PullFromMirror.ALL:
            return True
        return (self is PullFromMirror.DIGEST_ONLY) == (spec.digest is not None)


class _Mirror(msgspec.Struct):
    location: str
    insecure: bool = False
    pull_from_mirror: PullFromMirror | None = msgspec.field(name="pull-from-mirror", default=None)


class _Registry(msgspec.Struct):
    prefix: str = ""
    location: str = ""
    insecure: bool = False
    blocked: bool = False
    mirror_by_digest_only: bool = msgspec.field(name="mirror-by-digest-only", default=False)
    mirror: list[_Mirror] = []


class _File(msgspec.Struct):
    registry: list[_Registry] = []


msgspec.json.Decoder(_File)  # convert has none that could be kept; this prepares the types


@dataclass(frozen=True, slots=True)
class Mirrors:
    """The mirrors of registries, and of some of their repositories."""

    _registries: tuple[_Registry, ...]

    @classmethod
    def none(cls) -> Self:
        """Every image is where its name says."""
        return cls(())

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read C{registries.conf}.

        @raise ValueError: it is wrong; the text says what and where.
        """
        try:
            raw = tomllib.loads(text)
            if _is_version_1(raw):
                raise ValueError(
                    "a file of version 1; expected version 2, with [[registry]] tables"
                )
            found = msgspec.convert(raw, _File).registry  # noqa: TID251
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"not TOML: {error}; expected [[registry]] tables") from None
        except (msgspec.ValidationError, RecursionError) as error:
            raise ValueError(f"{error}; expected what containers-registries.conf(5) says") from None
        seen: set[str] = set()
        for number, registry in enumerate(found, 1):
            try:
                _complete(registry)
                if registry.prefix in seen:
                    raise ValueError(
                        f"{quoted(registry.prefix)} has a [[registry]] already; expected one with"
                        " all mirrors"
                    )
            except ValueError as error:
                raise ValueError(f"[[registry]] {number}: {error}") from None
            seen.add(registry.prefix)
        return cls(tuple(found))

    def places(self, spec: PullSpec) -> tuple[Place, ...]:
        """
        Where to look for C{spec}, best first: the mirrors of the longest prefix that it has, then
        where its name says.

        @raise Blocked: the source is blocked, and no mirror is for this image; or a mirror makes no
            pull spec of it.
        """
        text = str(spec)
        length, registry = max(
            ((_match(each.prefix, text), each) for each in self._registries),
            key=lambda match: match[0],
            default=(0, None),
        )
        if registry is None or not length:
            return (Place(spec),)
        places = tuple(dict.fromkeys(_places(registry, spec, text[length:])))
        if not places:
            raise Blocked(
                f"{spec} is blocked, and {quoted(registry.prefix)} has no mirror for images by"
                f" {'digest' if spec.digest else 'tag'}; expected one in the registries'"
                " configuration"
            )
        return places


def _places(registry: _Registry, spec: PullSpec, rest: str) -> Iterator[Place]:
    for mirror in registry.mirror:
        if _usage(registry, mirror).fits(spec):
            yield Place(_moved(spec, mirror.location, rest), mirror.insecure)
    if not registry.blocked:
        source = _moved(spec, registry.location, rest) if registry.location else spec
        yield Place(source, registry.insecure)


def _moved(spec: PullSpec, location: str, rest: str) -> PullSpec:
    """Where C{spec} is at C{location}, which stands for all of it but C{rest}."""
    try:
        return PullSpec.parse(location + rest)
    except ValueError as error:
        raise Blocked(f"{spec} cannot be looked for at {location}: {error}") from None


def _usage(registry: _Registry, mirror: _Mirror) -> PullFromMirror:
    if mirror.pull_from_mirror is not None:
        return mirror.pull_from_mirror
    return PullFromMirror.DIGEST_ONLY if registry.mirror_by_digest_only else PullFromMirror.ALL


def _match(prefix: str, text: str) -> int:
    """How many characters of a pull spec the prefix stands for; 0: it is none of it."""
    if prefix.startswith(_WILDCARD):
        host = text.partition("/")[0]
        without_port = host.partition(":")[0]
        return len(host) if host.endswith(prefix[1:]) or without_port.endswith(prefix[1:]) else 0
    # Behind a bare host a colon begins a port, which makes another registry of it.
    ends = {"", "/", ":", "@"} if "/" in prefix else {"/"}
    fits = text.startswith(prefix) and text[len(prefix) : len(prefix) + 1] in ends
    return len(prefix) if fits else 0


def _is_version_1(raw: dict[str, Any]) -> bool:
    return isinstance(raw.get("registries"), dict)


def _complete(registry: _Registry) -> None:
    """Check a C{[[registry]]}, and give it the prefix or location that it leaves out."""
    registry.prefix = registry.prefix or registry.location
    if not registry.prefix:
        raise ValueError("neither location nor prefix is there; expected one of them at least")
    wildcard = registry.prefix.startswith(_WILDCARD)
    if not wildcard:
        registry.location = registry.location or registry.prefix
    registry.prefix = _location("prefix", registry.prefix.removeprefix(_WILDCARD))
    if wildcard:
        if "/" in registry.prefix:
            raise ValueError("a prefix with *. has a path; expected a domain such as *.example.com")
        registry.prefix = _WILDCARD + registry.prefix
    if registry.location:
        registry.location = _location("location", registry.location)
    for number, mirror in enumerate(registry.mirror, 1):
        mirror.location = _location(f"[[registry.mirror]] {number}: location", mirror.location)
        if registry.mirror_by_digest_only and mirror.pull_from_mirror is not None:
            raise ValueError(
                "both mirror-by-digest-only and pull-from-mirror are there; expected one of them"
            )


def _location(what: str, text: str) -> str:
    """A registry, or one with the beginning of its repositories' names."""
    text = text.rstrip("/")
    registry, slash, path = text.partition("/")
    registry = registry_name(registry)
    try:
        if not is_registry(registry) or ":" in path or "@" in path:
            raise ValueError
        PullSpec.parse(f"{registry}/{path or 'any'}")
    except ValueError:
        shown = "" if "@" in text else f" {quoted(text)}"
        raise ValueError(
            f"{what}{shown} names no place of images; expected host[:port][/path], without scheme"
            " and tag"
        ) from None
    return registry + slash + path
