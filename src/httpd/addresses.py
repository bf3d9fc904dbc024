"""IP addresses as texts; IPv4 mapped into IPv6 (RFC 4291, 2.5.5.2) is the former."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

Address = IPv4Address | IPv6Address


def parsed_address(text: str) -> Address | None:
    """The address that a text is; L{None}: it is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def plain_address(text: str) -> str:
    """An address as a socket has it, or whatever a transport has in its place."""
    return str(parsed_address(text) or text)
