"""
What reads the text of one setting into its value.

Each reader raises C{ValueError} whose text says what is wrong and what would be accepted.  Those
of settings that may hold a secret do not quote the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path

import msgspec

from httpd import urls
from httpd.fields import NAME
from httpd.forwarding import Network, network
from httpd.redis_urls import redis_place
from httpd.settings import cipher_suites
from httpd.settings.setting import Tolerated
from httpd.texts import quoted


class LogLevel(StrEnum):
    """The least severe events that are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class TlsVersion(StrEnum):
    """A version of TLS, by Go's name."""

    TLS12 = "VersionTLS12"
    TLS13 = "VersionTLS13"


def count(least: int, most: int = 10**15) -> Callable[[str], int]:
    """A reader of whole numbers."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,16}", text) or not least <= int(text) <= most:
            raise ValueError(f"{quoted(text)}; expected a whole number from {least} to {most}")
        return int(text)

    return read


port = count(0, 65535)
"""Reads a TCP port; 0 means any free one."""


def seconds(*, zero: bool) -> Callable[[str], float]:
    """A reader of durations in seconds; C{zero} says whether 0 is one."""

    def read(text: str) -> float:
        if re.fullmatch(r"[0-9]{1,8}(\.[0-9]{1,9})?", text) and (zero or float(text) > 0):
            return float(text)
        least = "0 or more" if zero else "more than 0"
        raise ValueError(f"{quoted(text)}; expected a number of seconds, {least}, such as 2.5")

    return read


_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


def boolean(text: str) -> bool:
    """Read what Go's C{strconv.ParseBool} reads."""
    if text not in _TRUE | _FALSE:
        raise ValueError(f"{quoted(text)}; expected true or false")
    return text in _TRUE


def path(text: str) -> Path:
    """Read a file's or directory's name; whether it exists is not looked at here."""
    if not text.isprintable():
        raise ValueError(f"{quoted(text)}; expected a path without control characters")
    return Path(text)


def scheme(text: str) -> str:
    """Read C{http} or C{https}."""
    return one_of(text, ("http", "https"))


def log_level(text: str) -> LogLevel:
    """Read a log level, in any case, by our name or logrus's, which Go services use."""
    return _LOG_LEVELS[one_of(text.lower(), _LOG_LEVELS)]


_LOG_LEVELS = {level.value: level for level in LogLevel} | {
    "trace": LogLevel.DEBUG,
    "warn": LogLevel.WARNING,
    "fatal": LogLevel.CRITICAL,
    "panic": LogLevel.CRITICAL,
}


def tls_version(text: str) -> TlsVersion | Tolerated[TlsVersion]:
    """Read a TLS version by Go's name; those before 1.2 (RFC 8996) are 1.2."""
    if text in _RETIRED_TLS:
        warning = f"{text} is retired (RFC 8996), and {TlsVersion.TLS12} is the oldest spoken"
        return Tolerated(TlsVersion.TLS12, [warning])
    return TlsVersion(one_of(text, TlsVersion))


_RETIRED_TLS = frozenset({"VersionTLS10", "VersionTLS11"})
"""What OpenShift's TLS profile C{Old} asks for."""


def tls_suites(text: str) -> tuple[str, ...]:
    """Read a comma list of IANA cipher suite names; those no longer offered by anyone go."""
    names = _comma_list(text)
    known = (*cipher_suites.TLS13, *cipher_suites.TLS12)
    if unknown := set(names).difference(known, cipher_suites.RETIRED):
        raise ValueError(
            f"unknown cipher suite {', '.join(map(quoted, sorted(unknown)))}; expected a comma"
            f" list of IANA names: {', '.join(known)}"
        )
    offered = tuple(name for name in names if name in known)
    if not offered:
        raise ValueError(
            f"none of {quoted(text)} is offered by TLS libraries any more; expected at least one of"
            f" {', '.join(known)}"
        )
    return offered


def host_and_port(text: str) -> str:
    """Read C{host} or C{host:port}; an IPv6 address stands in brackets."""
    parts = urls.http_parts(f"http://{text}")
    if parts is None or parts.netloc != text or not _HOST.fullmatch(text):
        # Somebody may have put a password in.
        raise ValueError("not a host; expected a name or address, and :port if need be")
    return text


_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?")


def base_url(text: str) -> str:
    """Read an http or https URL without query; a slash at its end goes."""
    parts = urls.http_parts(text)
    if (
        parts is None
        or not _HOST.fullmatch(parts.netloc)
        or parts.query
        or parts.fragment
        or not re.fullmatch(r"[!-~]*", text)
    ):
        raise ValueError(
            "not a base URL; expected http:// or https://, a host, and a path if need be, such as"
            " https://images.example.com/assisted"
        )
    return text.rstrip("/")


def secret(text: str) -> str:
    """Read a key; no message quotes it."""
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError("not a key; expected printable ASCII characters without spaces")
    return text


def region(text: str) -> str:
    """Read an S3 region, of which servers of one's own have any."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        raise ValueError(f"{quoted(text)}; expected an S3 region such as us-east-1")
    return text


def proxy_url(text: str) -> str:
    """Read a proxy's URL, or its host and port."""
    url = urls.proxy_url(text)
    parts = urls.http_parts(url)
    if (
        parts is None
        or not _HOST.fullmatch(urls.authority(parts))
        or parts.port == 0
        or not url.isprintable()
    ):
        raise ValueError("not a proxy; expected a URL such as http://proxy.example.com:3128")
    return url


redis_url = redis_place
"""Reads where a Redis server is."""


def text_as_it_is(text: str) -> str:
    """Read anything."""
    return text


def web_origins(text: str) -> tuple[str, ...]:
    """
    Read a comma list of web origins (RFC 6454), or C{*} for every one.  As in the Go service one
    C{*} within an origin stands for anything.
    """
    found = _comma_list(text)
    for origin in found:
        if origin.count("*") > 1 or not _WEB_ORIGIN.fullmatch(origin):
            raise ValueError(
                f"{quoted(origin)} is no origin; expected * or a comma list of origins such as"
                " https://console.example.com"
            )
    return found


_WEB_ORIGIN = re.compile(r"\*|https?://([A-Za-z0-9._*-]+|\[[0-9a-fA-F:.]+\])(:([0-9]{1,5}|\*))?")


_TEXTS = msgspec.json.Decoder(dict[str, str])


def networks(text: str) -> tuple[Network, ...]:
    """Read a comma list of addresses and networks."""
    found = []
    for item in _comma_list(text):
        try:
            found.append(network(item))
        except ValueError as error:
            raise ValueError(
                f"{quoted(item)}: {error}; expected a comma list of addresses and networks such as"
                " 10.0.0.1,192.0.2.0/24,fd00::/8"
            ) from None
    return tuple(found)


def query_parameters(text: str) -> Mapping[str, str]:
    """Read a JSON object of strings."""
    try:
        return _TEXTS.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise ValueError(
            'not a JSON object of strings; expected one such as {"name": "value"}'
        ) from None


def headers(text: str) -> Mapping[str, str]:
    """Read a JSON object of HTTP fields (RFC 9110, section 5: names are tokens)."""
    found = query_parameters(text)
    for name, value in found.items():
        if not re.fullmatch(NAME, name):
            raise ValueError("a name is no HTTP field name; expected letters, digits and -")
        if not value.isascii() or not value.isprintable():
            raise ValueError(
                f"the value of {name} is no HTTP field value; expected printable ASCII characters"
            )
    return found


def one_of(text: str, names: Iterable[str]) -> str:
    """Read one of some names."""
    expected = tuple(names)
    if text not in expected:
        raise ValueError(f"{quoted(text)}; expected {' or '.join(expected)}")
    return text


def _comma_list(text: str) -> tuple[str, ...]:
    return tuple(part for item in text.split(",") if (part := item.strip()))
