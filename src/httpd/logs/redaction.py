"""What looks like a secret, and how it is left out of a text."""

from __future__ import annotations

import re


def redacted(text: str) -> str:
    """
    The text without what looks like a secret: the net below everything that is logged.  Who knows
    that a text is a URL shows its L{public_url<httpd.urls.public_url>} instead.
    """
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def may_hold_a_secret(line: bytes) -> bool:
    """
    Whether a line has to be redacted; most need not be, and this costs much less.

    @param line: in UTF-8; its quotes may be escaped, as they are in JSON.
    """
    if not line.isascii():
        # Letters of other alphabets may be the same as ASCII's to a pattern that ignores case.
        return True
    text = line.decode("ascii").lower()
    # One of these is in every match of L{_SECRETS}, in small letters; JSON leaves it as it is.  To
    # look for each takes half the time of one pattern for all.
    return (
        "authorization" in text
        or "bearer" in text
        or "api_key" in text
        or "image_token" in text
        or "image-token" in text
        or "eyj" in text
        or "://" in text
        or _SECRET_PATH.search(text) is not None
    )


_GONE = "[redacted]"

_VALUE = r"""[^\s&;'"<>\\{}\[\](),]+"""
"""What follows a secret's name, up to where it ends in a URL, a repr or JSON."""

_BETWEEN = r"""(?:%22|["'])?\s*(?:=|:|,|%3D|%3A)\s*(?:\[\s*)?(?:b?["']|%22)?"""
"""What stands between a name and its value in a query, a header, a repr or JSON."""

_SECRETS = (
    *(
        (re.compile(pattern, re.IGNORECASE), rf"\1{_GONE}")
        for pattern in (
            # Scheme and credentials of an Authorization field (RFC 9110, section 11.6.2).
            rf"(authorization{_BETWEEN}(?:(?:bearer|basic|negotiate|digest)\s+)?){_VALUE}",
            rf"((?:api_key|image_token|image-token){_BETWEEN}){_VALUE}",
            r"(/by(?:apikey|token)/)(?!:token)[^/\s'\"?]+",
            # A user and password in a URL.
            r"(://)[^/\s@'\"]+(?=@)",
            r"(\bbearer\s+)[A-Za-z0-9._~+/=-]{16,}",
        )
    ),
    # A JWT (RFC 7519), whole or cut, or anything else that is JSON in base64.
    (re.compile(r"eyJ[A-Za-z0-9_=+-]{5,}(?:(?:\.|%2[Ee])[A-Za-z0-9_=+-]*)*"), _GONE),
)

_SECRET_PATH = re.compile("/by(?:apikey|token)/(?!:token)")
