"""
Links: where in S3 something is, as records and manifests say it,
C{{"path": "s3://bucket/key", "etag": "…", "type": "s3"}}.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from httpd.texts import quoted

LINK_TYPE = "s3"
"""The one type of links."""

LONGEST_KEY = 1024
"""Bytes in UTF-8 (Amazon S3 User Guide, "Naming Amazon S3 objects")."""

_SCHEME = "s3://"
_DELETED = "deleted/"
_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}")
"""As lenient as S3's clients: old buckets may have names that new ones may not."""


class BadLink(ValueError):
    """
    What was given is no link; the text says what of it is wrong.

    @ivar member: which of the link's members that is; empty: it is no JSON object at all.
    """

    def __init__(self, text: str, member: str = "") -> None:
        super().__init__(text)
        self.member = member


@dataclass(frozen=True, slots=True)
class Link:
    """An object in S3."""

    bucket: str
    key: str
    etag: str = ""
    """Its entity tag as whoever set the link knew it, without quotes; empty: unknown."""

    @classmethod
    def read(cls, given: object) -> Self:
        """
        Read a link of a record or a manifest.  C{etag} may be missing.

        @raise BadLink: it is none.
        """
        if not isinstance(given, Mapping):
            raise BadLink('a link is a JSON object: {"path": "s3://bucket/key", "type": "s3"}')
        kind, etag = given.get("type"), given.get("etag")
        if kind != LINK_TYPE:
            shown = quoted(kind) if isinstance(kind, str) else "no text"
            raise BadLink(f"type is {shown}; expected {LINK_TYPE}", "type")
        if not isinstance(etag, str | None):
            raise BadLink("etag is no text", "etag")
        bucket, key = parsed_path(given.get("path"))
        return cls(bucket, key, etag or "")

    @property
    def path(self) -> str:
        """Where the object is, as C{s3://bucket/key}."""
        return f"{_SCHEME}{self.bucket}/{self.key}"

    @property
    def document(self) -> dict[str, str]:
        """The JSON object of it."""
        return {"path": self.path, "etag": self.etag, "type": LINK_TYPE}

    def same_as(self, other: Link) -> bool:
        """Whether both mean one object; an etag that is unknown may be any."""
        return self.path == other.path and (
            self.etag == other.etag or "" in (self.etag, other.etag)
        )

    def deleted(self) -> Link:
        """Where a soft delete moves the object; its etag there is not known yet."""
        return Link(self.bucket, f"{_DELETED}{self.key}")

    @property
    def is_deleted(self) -> bool:
        """Whether it is where a soft delete moves objects."""
        head, slash, rest = self.key.partition("/")
        return head + slash == _DELETED and bool(rest) and not rest.startswith("/")

    def restored(self) -> Link:
        """
        Where an undelete moves the object; its etag there is not known yet.

        @raise ValueError: it is not where a soft delete moves objects.
        """
        if not self.is_deleted:
            raise ValueError(f"{quoted(self.path)} is not below {_DELETED}")
        return Link(self.bucket, self.key.removeprefix(_DELETED))


def parsed_path(path: object) -> tuple[str, str]:
    """
    Bucket and key of C{s3://bucket/key}.  As to Cray's service, slashes at a key's beginning do not
    count.

    @raise BadLink: it is no such path, or no bucket or key can be called so.
    """
    if not isinstance(path, str) or not path.startswith(_SCHEME):
        shown = quoted(path) if isinstance(path, str) else "no text"
        raise BadLink(f"path is {shown}; expected s3://bucket/key", "path")
    bucket, _, key = path.removeprefix(_SCHEME).partition("/")
    if not is_bucket(bucket):
        raise BadLink(
            f"malformed bucket {quoted(bucket)} in the path; expected letters, digits, '.', '_' and"
            " '-', in s3://bucket/key",
            "path",
        )
    key = key.lstrip("/")
    if problem := _key_problem(key):
        raise BadLink(f"malformed key {quoted(key)} in the path: {problem}", "path")
    return bucket, key


def is_bucket(name: str) -> bool:
    """Whether a bucket can be called so."""
    return _BUCKET.fullmatch(name) is not None


def _key_problem(key: str) -> str:
    """What keeps an object from being called so; empty: nothing."""
    if not key:
        return "it is empty; expected s3://bucket/key"
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        return "it is no Unicode text"
    if length > LONGEST_KEY:
        return f"it has {length} bytes; expected {LONGEST_KEY} at most"
    if re.search(r"[\x00-\x1f\x7f]", key):
        return "it has control characters"
    # To servers on a file system, and to proxies, they mean another object.
    if {".", ".."} & set(key.split("/")):
        return "it has a part '.' or '..'"
    return ""
