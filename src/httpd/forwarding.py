"""
Whom a request comes from, and by which scheme, where proxies have passed it on: what they say in
C{X-Forwarded-For} and C{X-Forwarded-Proto}, which anybody can say, counts from those alone that are
trusted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from httpd.addresses import parsed_address

Network = IPv4Network | IPv6Network

_SCHEMES = ("http", "https")


def network(text: str) -> Network:
    """
    Read an address, or a network by its CIDR.

    @raise ValueError: it is neither, or has bits beyond its prefix.
    """
    return ip_network(text)


class TrustedProxies:
    """The proxies whose word counts; false where there are none."""

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = tuple(networks)
        # A few proxies ask all the time.
        self._trusts = lru_cache(256)(self._is_in_networks)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def client(self, peer: str, forwarded_for: str | None) -> str:
        """
        The address of a client: of the last in the row that is no trusted proxy.

        @param peer: the address at the connection's other end, as
            L{plain_address<httpd.addresses.plain_address>}.
        @param forwarded_for: C{X-Forwarded-For}: each proxy has added at its end whom it was asked
            by.  What is no address says nothing, and nor does what stands before it.
        """
        client = peer
        for entry in reversed((forwarded_for or "").split(",")):
            if not self._trusts(client):
                break
            address = _address(entry)
            if address is None:
                break
            client = address
        return client

    def scheme(self, peer: str, own: str, forwarded_proto: str | None) -> str:
        """
        By which scheme the client has asked.

        @param peer: the address at the connection's other end, as
            L{plain_address<httpd.addresses.plain_address>}.
        @param own: the scheme of the connection.
        @param forwarded_proto: C{X-Forwarded-Proto}; of several the first proxy's counts.
        """
        first = (forwarded_proto or "").partition(",")[0].strip().lower()
        return first if first in _SCHEMES and self._trusts(peer) else own

    def _is_in_networks(self, text: str) -> bool:
        address = parsed_address(text.partition("%")[0])  # what follows is the link that it is on
        return address is not None and any(address in network for network in self._networks)


def _address(entry: str) -> str | None:
    """The address in an entry, which may have a port; L{None}: there is none."""
    for text in _readings(entry.strip()):
        address = parsed_address(text)
        if address is not None:
            return str(address)
    return None


def _readings(entry: str) -> Iterator[str]:
    yield entry
    yield entry.removeprefix("[").partition("]")[0]
    yield entry.rpartition(":")[0]
