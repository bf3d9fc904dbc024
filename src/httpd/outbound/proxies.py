"""Which HTTP proxy a URL wants, by the customary environment variables."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

# typeshed leaves it out; it is what urllib goes by on every system but macOS and Windows.
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from httpd.outbound.credentials import userinfo_credentials
from httpd.urls import http_parts, proxy_url, web_origin


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy."""

    host: str
    port: int
    tls: bool = False
    """Whether the proxy itself is spoken to over TLS (C{https://} in the variable)."""
    authorization: str | None = field(default=None, repr=False)
    """The value for C{Proxy-Authorization} (RFC 9110, section 11.7.2)."""

    @classmethod
    def parse(cls, variable: str, text: str) -> Proxy:
        """
        Read a proxy's URL; without a scheme it is C{http://}.

        @raise ValueError: it is none; the text names the variable and, as there may be a password
            in it, not the value.
        """
        url = proxy_url(text)
        parts = http_parts(url)
        if parts is None or parts.port == 0:
            raise ValueError(
                f"{variable} is not the URL of a proxy; expected one such as http://proxy:3128"
            )
        scheme, host, port = web_origin(url)
        return cls(host, port, scheme == "https", userinfo_credentials(url))


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies of a process: one for each scheme, and the hosts that are reached directly."""

    by_scheme: Mapping[str, Proxy] = field(default_factory=dict)
    bypass: str = ""
    """C{NO_PROXY}: host names with their subdomains, addresses, networks, or C{*}."""

    @classmethod
    def of(
        cls,
        http_proxy: str | None = None,
        https_proxy: str | None = None,
        no_proxy: str | None = None,
    ) -> Proxies:
        """
        Read the values of C{HTTP_PROXY}, C{HTTPS_PROXY} and C{NO_PROXY}.

        @raise ValueError: one is no proxy's URL.
        """
        by_scheme = {
            scheme: Proxy.parse(f"{scheme}_proxy".upper(), text)
            for scheme, text in (("http", http_proxy), ("https", https_proxy))
            if text
        }
        return cls(by_scheme, no_proxy or "")

    def for_server(self, scheme: str, host: str, port: int) -> Proxy | None:
        """The proxy to go through; None when the server is reached directly."""
        proxy = self.by_scheme.get(scheme)
        if proxy is None or self._bypassed(host, port):
            return None
        return proxy

    def _bypassed(self, host: str, port: int) -> bool:
        if proxy_bypass_environment(f"{host}:{port}", {"no": self.bypass}):
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._bypassed_networks())

    def _bypassed_networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """C{NO_PROXY}'s networks (10.0.0.0/16), which OpenShift sets and C{urllib} ignores."""
        networks = []
        for entry in self.bypass.split(","):
            try:
                networks.append(ipaddress.ip_network(entry.strip(), strict=False))
            except ValueError:
                continue
        return networks
