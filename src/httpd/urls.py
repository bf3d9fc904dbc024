"""URLs of C{http} and C{https}: what they are, whose, what is added to them and shown of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlencode, urlsplit, urlunsplit

import idna

_DEFAULT_PORTS = {"http": 80, "https": 443}

_SAFE = "!#$%&'()*+,/:;=?@[]~"
"""Characters that mean something in a URL, or are part of an escape already."""


def http_parts(text: str) -> SplitResult | None:
    """The parts of a URL with a host, of C{http} or C{https}; L{None}: the text is none."""
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises when it is no port
    except ValueError:
        return None
    return parts if parts.scheme in _DEFAULT_PORTS and parts.hostname else None


def is_http_url(text: str) -> bool:
    """Whether the text is a URL with a host, of C{http} or C{https}."""
    return http_parts(text) is not None


def proxy_url(text: str) -> str:
    """The URL of a proxy: C{http://} is put before a bare C{host:port}, as Go does."""
    return text if "://" in text else f"http://{text}"


def authority(parts: SplitResult) -> str:
    """Host and port, as they stand in the URL, without userinfo."""
    return parts.netloc.rpartition("@")[2]


def public_url(url: str) -> str:
    """
    The URL without userinfo, query and fragment, which may hold secrets: for logs and errors.  In
    what is no http URL a secret may be anywhere: nothing of it is shown.
    """
    parts = http_parts(url)
    if parts is None:
        return "(not an http URL)"
    return urlunsplit((parts.scheme, authority(parts), parts.path, "", ""))


def ascii_host(host: str) -> str:
    """A host as DNS knows it (RFC 5891, with the mapping of Unicode's UTS 46); else as it is."""
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        return host


def without_userinfo(url: str) -> str:
    """The URL as it is asked for: no userinfo, no fragment, nothing but ASCII."""
    parts = urlsplit(url)
    host, colon, port = authority(parts).partition(":")
    place = authority(parts) if host.isascii() else ascii_host(host) + colon + port
    bare = urlunsplit((parts.scheme, place, parts.path or "/", parts.query, ""))
    return quote(bare, safe=_SAFE)


def with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    """The URL with C{parameters} behind the ones that it has."""
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, urlencode(parameters)]))
    return urlunsplit(parts._replace(query=query))


class WebOrigin(NamedTuple):
    """What secrets are meant for: they go nowhere else (RFC 6454)."""

    scheme: str
    host: str
    port: int


def web_origin(url: str) -> WebOrigin:
    """
    The scheme, host and port of a URL.

    @raise ValueError: it is no URL of C{http} or C{https}.
    """
    parts = http_parts(url)
    if parts is None or parts.hostname is None:
        raise ValueError("not an http URL")
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    return WebOrigin(parts.scheme, ascii_host(parts.hostname), port)


def object_url(endpoint: str, bucket: str, key: str) -> str:
    """Where an object is on the S3 server with this endpoint, whose buckets are in its path."""
    return f"{endpoint.rstrip('/')}/{bucket}/{quote(key, safe='/~')}"
