"""What looks like a secret, and how it is left out of a text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_GONE = "[redacted]"

_VALUE = r"""[^\s&;'"<>\\{}\[\](),]+"""
"""What follows a secret's name, up to where it ends in a URL, a repr or JSON."""

_BETWEEN = r"""(?:%22|["'])?\s*(?:=|:|,|%3D|%3A)\s*(?:\[\s*)?(?:b?["']|%22)?"""
"""What stands between a name and its value in a query, a header, a repr or JSON."""

_JSON_IN_BASE64 = r"eyJ[A-Za-z0-9_=+-]{5,}(?:(?:\.|%2[Ee])[A-Za-z0-9_=+-]*)*"
"""A JWT (RFC 7519), whole or cut, or anything else that is JSON in base64."""

_WORDS = ("authorization", "bearer", "://")


class Redaction:
    """
    Leaves secrets out of texts: what is one in any service (credentials in fields and URLs, JSON
    Web Tokens), and what is one in this.
    """

    def __init__(
        self,
        names: Sequence[str] = (),
        labels: Sequence[str] = (),
        wholes: Mapping[str, str] | None = None,
    ) -> None:
        """
        @param names: of fields, query parameters and keys whose values are secret; in small
            letters.
        @param labels: of routes whose last part is a secret, such as C{/bytoken/:token}.
        @param wholes: patterns of what is secret wherever it stands, each by a word, in small
            letters, that is in everything that it matches.
        """
        wholes = {"eyj": _JSON_IN_BASE64, **(wholes or {})}
        paths = [label.rpartition("/") for label in labels]
        after_names = "|".join(map(re.escape, names))
        kept_before = [
            # Scheme and credentials of an Authorization field (RFC 9110, section 11.6.2).
            rf"(authorization{_BETWEEN}(?:(?:bearer|basic|negotiate|digest)\s+)?){_VALUE}",
            *([rf"((?:{after_names}){_BETWEEN}){_VALUE}"] if names else ()),
            *(
                rf"({re.escape(start)}/)(?!{re.escape(parameter)})[^/\s'\"?]+"
                for start, _, parameter in paths
            ),
            # A user and password in a URL.
            r"(://)[^/\s@'\"]+(?=@)",
            r"(\bbearer\s+)[A-Za-z0-9._~+/=-]{16,}",
        ]
        self._secrets = (
            *((re.compile(one, re.IGNORECASE), rf"\1{_GONE}") for one in kept_before),
            *((re.compile(one), _GONE) for one in wholes.values()),
        )
        self._words = (*_WORDS, *names, *wholes)
        # Without one it matches nothing.
        self._path = re.compile(
            "|".join(rf"{re.escape(one)}/(?!{re.escape(other)})" for one, _, other in paths)
            or r"(?!)"
        )

    def redacted(self, text: str) -> str:
        """The text without what looks like a secret."""
        for pattern, replacement in self._secrets:
            text = pattern.sub(replacement, text)
        return text

    def may_be_needed(self, line: bytes) -> bool:
        """
        Whether a line has to be redacted; most need not be, and this costs much less.

        @param line: in UTF-8; its quotes may be escaped, as they are in JSON.
        """
        if not line.isascii():
            # Letters of other alphabets may be the same as ASCII's to a pattern that ignores case.
            return True
        text = line.decode("ascii").lower()
        # One of these is in every match, in small letters; JSON leaves it as it is.  To look for
        # each takes half the time of one pattern for all.
        for word in self._words:
            if word in text:
                return True
        return self._path.search(text) is not None
