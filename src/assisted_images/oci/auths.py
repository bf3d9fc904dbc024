"""
Pull secrets: who one is at which registry (containers-auth.json(5)).

No text of this module quotes any part of one.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import msgspec

from assisted_images.oci.references import PullSpec

_EXPECTED = 'expected {"auths": {"<registry>": {"auth": "<base64 of user:password>"}}}'


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user at a registry."""

    user: str
    password: str = field(repr=False)


class _Auth(msgspec.Struct):
    auth: str = ""


class _File(msgspec.Struct):
    auths: dict[str, _Auth]


_FILE = msgspec.json.Decoder(_File)


@dataclass(frozen=True, slots=True)
class PullSecret:
    """The credentials of any number of registries, or of some of their repositories."""

    _credentials: Mapping[str, Credentials] = field(repr=False)

    @classmethod
    def none(cls) -> Self:
        """No credentials: one is anonymous everywhere."""
        return cls({})

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read a docker auth file's JSON.

        @raise ValueError: it is none, or has no credentials in one of its entries.
        """
        try:
            auths = _FILE.decode(text).auths
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
            # msgspec names places and types, never values or keys.
            raise ValueError(f"not a pull secret: {error}; {_EXPECTED}") from None
        found: dict[str, Credentials] = {}
        for number, (key, auth) in enumerate(auths.items(), 1):
            place, was_url = _place(key)
            credentials = _credentials(auth.auth, number)
            # What is written as a URL is Docker's old manner; the new one is more exact.
            if place not in found or not was_url:
                found[place] = credentials
        return cls(found)

    def credentials(self, spec: PullSpec) -> Credentials | None:
        """Whom to be where C{spec} is: the longest C{host[:port][/path]} above it counts."""
        place = spec.name
        while place not in self._credentials:
            place, slash, _ = place.rpartition("/")
            if not slash:
                return None
        return self._credentials[place]


def _place(key: str) -> tuple[str, bool]:
    """C{host[:port][/path]} of an entry's key, and whether that is written as a URL."""
    for scheme in ("https://", "http://"):
        if key.startswith(scheme):
            return key.removeprefix(scheme).partition("/")[0].lower(), True
    registry, slash, path = key.rstrip("/").partition("/")
    return registry.lower() + slash + path, False


def _credentials(auth: str, number: int) -> Credentials:
    try:
        text = base64.b64decode(auth, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        text = ""
    user, colon, password = text.partition(":")
    if not (user and colon and text.isprintable()):
        raise ValueError(
            f"the auth of entry {number} of the pull secret is not base64 of user:password;"
            " expected that, without a line end in it"
        )
    return Credentials(user, password)
