"""
Pull secrets: who one is at which registry (containers-auth.json(5)).

No text of this module quotes any part of one.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import msgspec

from assisted_images.oci.references import PullSpec, registry_name

_EXPECTED = 'expected {"auths": {"<registry>": {"auth": "<base64 of user:password>"}}}'
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user at a registry, or who has one of its tokens instead of a password."""

    user: str
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    """What the registry's token service takes instead of a password."""

    registry_token: str = field(default="", repr=False)
    """What the registry itself takes as C{Bearer}."""

    @property
    def password_counts(self) -> bool:
        """Whether user and password are what one logs in with."""
        return bool(self.user) and not (self.identity_token or self.registry_token)


class _Auth(msgspec.Struct):
    """One registry's entry, as Docker's C{AuthConfig} has it."""

    auth: str | None = None
    username: str | None = None
    password: str | None = None
    identitytoken: str | None = None
    registrytoken: str | None = None


class _File(msgspec.Struct):
    auths: dict[str, msgspec.Raw] | None


_FILE = msgspec.json.Decoder(_File)
_AUTH = msgspec.json.Decoder(_Auth | None)


@dataclass(frozen=True, slots=True)
class _Wrong:
    """An entry that has credentials that cannot be read."""

    reason: str


@dataclass(frozen=True, slots=True)
class PullSecret:
    """The credentials of any number of registries, or of some of their repositories."""

    _entries: Mapping[str, Credentials | _Wrong] = field(repr=False)

    @classmethod
    def none(cls) -> Self:
        """No credentials: one is anonymous everywhere."""
        return cls({})

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read a docker auth file's JSON.  Entries without credentials, as tools leave them behind,
        are passed over; one that is wrong matters only where it is needed.

        @raise ValueError: it is none.
        """
        try:
            auths = _FILE.decode(text.removeprefix(_BYTE_ORDER_MARK)).auths or {}
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
            # msgspec names places and types, never values or keys.
            raise ValueError(f"not a pull secret: {error}; {_EXPECTED}") from None
        found: dict[str, Credentials | _Wrong] = {}
        for number, (key, raw) in enumerate(auths.items(), 1):
            place, was_url = _place(key)
            entry = _entry(raw, number)
            # What is written as a URL is Docker's old manner; the new one is more exact.
            if entry is not None and (place not in found or not was_url):
                found[place] = entry
        return cls(found)

    def credentials(self, spec: PullSpec) -> Credentials | None:
        """
        Whom to be where C{spec} is: the longest C{host[:port][/path]} above it counts.

        @raise ValueError: its entry is wrong.
        """
        place = spec.name
        while place not in self._entries:
            place, slash, _ = place.rpartition("/")
            if not slash:
                return None
        entry = self._entries[place]
        if isinstance(entry, _Wrong):
            raise ValueError(entry.reason)
        return entry


def _place(key: str) -> tuple[str, bool]:
    """C{host[:port][/path]} of an entry's key, and whether that is written as a URL."""
    for scheme in ("https://", "http://"):
        if key.startswith(scheme):
            return registry_name(key.removeprefix(scheme).partition("/")[0]), True
    registry, slash, path = key.rstrip("/").partition("/")
    return registry_name(registry) + slash + path, False


def _entry(raw: msgspec.Raw, number: int) -> Credentials | _Wrong | None:
    """What the entry says; L{None}: nothing."""
    wrong = _Wrong(
        f"entry {number} of the pull secret is no login; expected auth with the base64 of"
        " user:password, or username and password, and no line end in either"
    )
    try:
        auth = _AUTH.decode(raw) or _Auth()
        user, password = auth.username or "", auth.password or ""
        if encoded := "".join((auth.auth or "").split()):
            user, password = _decoded(encoded)
    except (ValueError, RecursionError):
        return wrong
    tokens = auth.identitytoken or "", auth.registrytoken or ""
    if not (user or password or any(tokens)):
        return None
    named = bool(user or any(tokens)) and ":" not in user
    if not (named and "".join((user, password, *tokens)).isprintable()):
        return wrong
    return Credentials(user, password, *tokens)


def _decoded(encoded: str) -> tuple[str, str]:
    """
    User and password of C{encoded}, which has no white space.  As to Kubernetes the C{=} at its
    end may be missing, and as to Docker NULs at the end are no part of a password.

    @raise ValueError: there are none.
    """
    bare = encoded.rstrip("=")
    text = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode("utf-8")
    user, colon, password = text.partition(":")
    if not colon:
        raise ValueError("no colon")
    return user, password.rstrip("\0")
