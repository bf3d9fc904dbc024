"""
C{Basic} credentials (RFC 7617), as C{Authorization} and C{Proxy-Authorization} have them for their
value.
"""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlsplit


def basic_credentials(user: str, password: str) -> str:
    """Those of a user; no user's name has a colon."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def userinfo_credentials(url: str) -> str | None:
    """Those in the userinfo of C{url}, where there is some."""
    parts = urlsplit(url)
    if parts.username is None:
        return None
    return basic_credentials(unquote(parts.username), unquote(parts.password or ""))
