"""Where a Redis server is, and who one is there: C{redis://user:password@host:port/database}."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

_PORT = 6379

_SCHEMES = {"redis": False, "rediss": True}
"""Whether TLS is spoken."""


@dataclass(frozen=True, slots=True)
class RedisPlace:
    """A server, as its URL names it."""

    host: str
    port: int = _PORT
    tls: bool = False
    user: str | None = None
    """Of an access control list; without it the password is the server's own."""
    password: str | None = field(default=None, repr=False)
    database: int = 0

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def redis_place(url: str) -> RedisPlace:
    """
    Read a URL.

    @raise ValueError: it is none; the text quotes nothing of it, since a password may be anywhere.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if (
        not host
        or parts.scheme not in _SCHEMES
        or port == 0
        or not (url.isascii() and url.isprintable())
        or not re.fullmatch(r"/?|/[0-9]{1,4}", parts.path)
        or parts.query
        or parts.fragment
    ):
        raise ValueError(
            "not the URL of a Redis server; expected one such as"
            " redis://:password@redis.example.com:6379/0, or rediss:// for TLS"
        )
    return RedisPlace(
        host,
        port or _PORT,
        _SCHEMES[parts.scheme],
        unquote(parts.username or "") or None,
        None if parts.password is None else unquote(parts.password),
        int(parts.path.strip("/") or 0),
    )
