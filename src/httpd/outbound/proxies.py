"""Which HTTP proxy a URL wants, by the customary environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from httpd.outbound.credentials import userinfo_credentials
from httpd.outbound.no_proxy import NoProxy
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

    def __str__(self) -> str:
        """Its URL, without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies of a process: one for each scheme, and the hosts that are reached directly."""

    by_scheme: Mapping[str, Proxy] = field(default_factory=dict)
    bypass: NoProxy = field(default_factory=NoProxy)

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
        return cls(by_scheme, NoProxy.parse(no_proxy or ""))

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> Proxies:
        """
        Read those variables, which may be in small letters.

        @raise ValueError: one is no proxy's URL.
        """
        names = ("http_proxy", "https_proxy", "no_proxy")
        return cls.of(*(environment.get(one.upper()) or environment.get(one) for one in names))

    def for_server(self, scheme: str, host: str, port: int) -> Proxy | None:
        """The proxy to go through; None when the server is reached directly."""
        proxy = self.by_scheme.get(scheme)
        if proxy is None or self.bypass.covers(host, port):
            return None
        return proxy
