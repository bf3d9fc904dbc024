"""
Signed URLs, which hold until a time: C{/bysig/{expiry}.{signature}/} and the rest of the path.

BMCs cut long URLs and stumble over queries, so all is in the path, and short.  The signature is the
first 128 bits of HMAC-SHA-256 (RFC 2104, section 5, allows for half), in base64url (RFC 4648), over
the expiry, in Unix time, and all that is behind it.  Whoever has the URL may have what it leads to,
and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from httpd.web.problems import Problem

SIGNED = "/bysig/"
"""How the paths begin."""

SIGNATURE_BYTES = 16

_ABOUT = b"assisted-images signed URL 1\n"
"""What is signed for another purpose, by the same key, has another signature."""

_SIGNATURE = re.compile(r"([0-9]{1,12})\.([A-Za-z0-9_-]{22})", re.ASCII)


class SignedUrls:
    """Makes signed paths, and knows them again."""

    def __init__(self, key: bytes, now: Callable[[], float] = time.time) -> None:
        """
        @param key: whoever has it can make URLs.
        @param now: the Unix time.
        """
        self._key = key
        self._now = now

    def path(self, parts: Sequence[str], expiry: int) -> str:
        """
        A signed path.

        @param parts: of it, behind the signature, decoded.
        @param expiry: in Unix time.
        """
        told = _written(parts)
        return f"{SIGNED}{expiry}.{self._signature(str(expiry), told)}/{told}"

    def expiry(self, signature: str, parts: Sequence[str]) -> int:
        """
        Until when a path holds, which may be over.

        @param signature: the part of the path with the expiry.
        @param parts: what is behind it, decoded.
        @raise Problem: 403, the signature is not of this path.
        """
        found = _SIGNATURE.fullmatch(signature)
        if found is None:
            raise Problem(
                403, "the signature in the path cannot be read; the URL may have been cut"
            )
        expected = self._signature(found[1], _written(parts))
        if not hmac.compare_digest(expected, found[2]):
            raise Problem(
                403,
                "the signature is not of this path, or by another key; expected the URL as it was"
                " made",
            )
        return int(found[1])

    def require_holds(self, expiry: int) -> None:
        """
        Check that a path still holds.

        @raise Problem: 410, it does not.
        """
        if self._now() >= expiry:
            ended = f"{datetime.fromtimestamp(expiry, UTC):%Y-%m-%d %H:%M:%S} UTC"
            raise Problem(410, f"this URL held until {ended}; get another")

    def _signature(self, expiry: str, told: str) -> str:
        signed = _ABOUT + f"{expiry}\n{told}".encode()
        signature = hmac.digest(self._key, signed, hashlib.sha256)[:SIGNATURE_BYTES]
        return urlsafe_b64encode(signature).decode("ascii").rstrip("=")


def _written(parts: Sequence[str]) -> str:
    """The parts as they stand in a path, in one way."""
    return "/".join([quote(part, safe="", errors="surrogatepass") for part in parts])
