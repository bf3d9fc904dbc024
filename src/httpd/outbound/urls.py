"""Download URLs: what may be shown of them, what is added to them, where they redirect to."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

_SAFE = "!#$%&'()*+,/:;=?@[]~"
"""Characters that mean something in a URL, or are part of an escape already."""


def is_http_url(text: str) -> bool:
    """Whether the text is a URL with a host, of C{http} or C{https}."""
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises when it is no port
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def redacted(url: str) -> str:
    """The URL without userinfo, query and fragment, which may hold secrets: for logs and errors."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def without_userinfo(url: str) -> str:
    """The URL as it is asked for: no userinfo, no fragment, nothing but ASCII."""
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    bare = urlunsplit((parts.scheme, netloc, parts.path or "/", parts.query, ""))
    return quote(bare, safe=_SAFE)


def with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    """The URL with C{parameters} behind the ones that it has."""
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, urlencode(parameters)]))
    return urlunsplit(parts._replace(query=query))


def origin_of(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port (RFC 6454): what secret headers are meant for."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
