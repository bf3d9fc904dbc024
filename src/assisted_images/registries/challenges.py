"""What C{WWW-Authenticate} asks for (RFC 9110, section 11.6.1).  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from httpd.fields import NAME

_PARAMETER = re.compile(rf'\s*({NAME})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({NAME}))\s*(?:,|$)')
_SCHEME = re.compile(rf"[\s,]*({NAME})(?:\s+[A-Za-z0-9._~+/-]+=*\s*(?=,|$))?(?:\s|,|$)")
"""A scheme's name, and the one text without a name that may follow it instead of parameters."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to log in; names are in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(values: Iterable[str]) -> tuple[Challenge, ...]:
    """
    The challenges in all C{WWW-Authenticate} fields of a response.

    @return: those before the first that is malformed: what follows it cannot be told apart.
    """
    return tuple(challenge for value in values for challenge in _challenges(value))


def _challenges(value: str) -> Iterable[Challenge]:
    position = 0
    while match := _SCHEME.match(value, position):
        scheme, position = match[1].lower(), match.end()
        parameters: dict[str, str] = {}
        while found := _PARAMETER.match(value, position):
            text = found[3] if found[2] is None else re.sub(r"\\(.)", r"\1", found[2])
            parameters.setdefault(found[1].lower(), text)
            position = found.end()
        yield Challenge(scheme, parameters)
