"""
Which servers are reached without a proxy: C{NO_PROXY}, as Go reads it (golang.org/x/net,
http/httpproxy), since one environment is many programs'.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Self

from httpd.addresses import Address, parsed_address
from httpd.urls import ascii_host

_HOST_AND_PORT = re.compile(r"(?:\[(?P<bracketed>[^]]*)\]|(?P<plain>[^:]*))(?::(?P<port>[^:]*))?")


@dataclass(frozen=True, slots=True)
class _Network:
    """C{10.0.0.0/16}; or one address: C{192.0.2.1}, C{[fd00::1]:8443}."""

    network: ipaddress.IPv4Network | ipaddress.IPv6Network

    def covers(self, host: str, address: Address | None) -> bool:
        return address is not None and address in self.network


@dataclass(frozen=True, slots=True)
class _Domain:
    """C{example.com}, with what is below it; C{.example.com} and C{*.example.com}: without it."""

    suffix: str
    """Of all names below it; the empty one is C{*}, everything."""

    name: str | None

    def covers(self, host: str, address: Address | None) -> bool:
        return host == self.name or (self.suffix != "." and host.endswith(self.suffix))


@dataclass(frozen=True, slots=True)
class NoProxy:
    """The servers that are reached directly: this machine, and those that are listed."""

    _rules: tuple[tuple[_Network | _Domain, str | None], ...] = ()
    """Each with the port, as it was written, that it is for."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a comma list; what has no meaning in it is passed over."""
        entries = (entry.strip().lower() for entry in text.split(","))
        return cls(tuple(_rule(entry) for entry in entries if entry))

    def covers(self, host: str, port: int) -> bool:
        """
        Whether a server is reached directly.

        @param host: in ASCII; an IPv6 address without brackets.
        """
        host = host.lower()
        address = parsed_address(host)
        if host == "localhost" or (address is not None and address.is_loopback):
            return True
        return any(
            wanted in {None, str(port)} and rule.covers(host, address)
            for rule, wanted in self._rules
        )


def _rule(entry: str) -> tuple[_Network | _Domain, str | None]:
    if entry == "*":
        return _Domain("", None), None
    try:
        return _Network(ipaddress.ip_network(entry, strict=False)), None
    except ValueError:
        found = _HOST_AND_PORT.fullmatch(entry)
    host, port = entry, None
    if found is not None:
        host, port = found["bracketed"] or found["plain"] or "", found["port"] or None
    address = parsed_address(host)
    if address is not None:
        return _Network(ipaddress.ip_network(address)), port
    below = host.removeprefix("*") if host.startswith("*.") else host
    name = ascii_host(below.removeprefix("."))
    return _Domain(f".{name}", None if below.startswith(".") else name), port
