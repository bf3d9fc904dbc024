"""What reads the text of a setting that this service alone has."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from httpd.settings.readers import count, one_of, path, port
from httpd.texts import quoted
from image_management.records.links import is_bucket
from image_management.records.words import truth

LONGEST_URL_SECONDS = 7 * 24 * 3600
"""For how long a signature of version 4 may count (Amazon S3 API Reference, "Query parameters")."""

_POSTGRESQL = "postgresql://user:password@host:5432/database"
_DNS_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


def boolean(text: str) -> bool:
    """Read a word or a digit, in any case, as Cray's service does."""
    value = truth(text)
    if value is None:
        raise ValueError(f"{quoted(text)}; expected true or false")
    return value


def certificates(text: str) -> bool | Path:
    """Read whether certificates are verified, or the bundle that they are verified by."""
    value = truth(text)
    return path(text) if value is None else value


def secret(text: str) -> str:
    """Read a key; no message quotes it."""
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError("not a key; expected printable ASCII characters without spaces")
    return text


def bucket(text: str) -> str:
    """Read a bucket's name."""
    if not is_bucket(text):
        raise ValueError(
            f"{quoted(text)}; expected a bucket's name: letters, digits, '.', '_', '-'"
        )
    return text


def region(text: str) -> str:
    """Read an S3 region, of which servers of one's own have any."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        raise ValueError(f"{quoted(text)}; expected an S3 region such as us-east-1")
    return text


def url_expiration(text: str) -> int:
    """Read for how many seconds a presigned URL counts."""
    try:
        return count(1, LONGEST_URL_SECONDS)(text)
    except ValueError as error:
        raise ValueError(f"{error}, as signatures of version 4 count for a week at most") from None


def name(pattern: str, expected: str) -> Callable[[str], str]:
    """A reader of names that are as C{pattern}; C{expected} says how that is."""

    def read(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{quoted(text)}; expected {expected}")
        return text

    return read


dns_label = name(_DNS_LABEL, "small letters, digits and '-', at most 63")
"""Reads a name of Kubernetes, or one part of a host's."""

dns_name = name(
    rf"(?=.{{1,253}}\Z){_DNS_LABEL}(\.{_DNS_LABEL})*", "a host's or domain's name, in small letters"
)
"""Reads a host's or a domain's name."""


class JobBackendName(StrEnum):
    """Where jobs are worked on."""

    KUBERNETES = "kubernetes"
    LOCAL = "local"
    NONE = "none"


def job_backend(text: str) -> JobBackendName:
    """Read where jobs are worked on."""
    return JobBackendName(one_of(text, [*JobBackendName]))


def container_image(text: str) -> str:
    """Read where a container's image is, with its tag or digest."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,1023}", text):
        raise ValueError(
            f"{quoted(text)}; expected a container image such as registry.example.com/sshd:1.2"
        )
    return text


def ssh_host(text: str) -> str:
    """Read a host's name or address, in any case."""
    if not re.fullmatch(r"[A-Za-z0-9.:_-]{1,253}", text):
        raise ValueError(f"{quoted(text)}; expected a host's name or address")
    return text


def ports(text: str) -> Sequence[int]:
    """Read TCP ports: one, or the first and the last of several; 0 is any."""
    first, dash, last = text.partition("-")
    try:
        found = range(port(first), port(last if dash else first) + 1)
    except ValueError:
        found = range(0)
    if not found or (dash and not found[0]):
        raise ValueError(f"{quoted(text)}; expected TCP ports such as 2022-2121, or 0")
    return found


def database_url(text: str) -> str:
    """Read a PostgreSQL database's URL; as it may hold a password, no message quotes it."""
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises where it is none
    except ValueError:
        raise ValueError(f"not a database's URL; expected {_POSTGRESQL}") from None
    if parts.scheme != "postgresql":
        raise ValueError(
            f"not the URL of a PostgreSQL database, and no other is known; expected {_POSTGRESQL}"
        )
    if not re.fullmatch(r"/[^/]+", parts.path) or parts.fragment or not text.isprintable():
        raise ValueError(f"not a database's URL, which names a database; expected {_POSTGRESQL}")
    return text


def path_prefix(text: str) -> str:
    """Read what stands before every path; a slash at its end goes."""
    bare = text.rstrip("/")
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", bare) or {".", ".."} & set(bare.split("/")):
        raise ValueError(f"{quoted(text)}; expected a path such as /apis/ims")
    return bare
