"""The one way out: an agent for requests to other servers that knows proxies and trust."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, HTTPConnectionPool, ProxyAgent
from twisted.web.http_headers import Headers
from twisted.web.iweb import (
    IAgent,
    IAgentEndpointFactory,
    IBodyProducer,
    IPolicyForHTTPS,
    IResponse,
)
from zope.interface import implementer

from httpd.outbound.bodies import discard, field_texts
from httpd.outbound.failures import CodedContent
from httpd.outbound.proxies import Proxies, Proxy
from httpd.outbound.tunnel import TunnelEndpoint
from httpd.texts import quoted
from httpd.urls import without_userinfo

CONNECT_SECONDS = 30.0
"""How long a TCP connection may take to come up."""

_IDLE_CONNECTIONS = 32
"""Connections to one host that are kept for later requests."""

_IDLE_SECONDS = 60
"""How long they are kept."""


class IOutboundAgent(IAgent):
    """An agent that says which way its requests take."""

    def way(url: str) -> str:  # noqa: N805 - an interface's methods have no self
        """
        For errors: C{" by way of the proxy http://proxy:3128"}, without credentials; empty where
        the server of an http URL is reached directly.
        """


@implementer(IAgentEndpointFactory)
class _Endpoints:
    """Endpoints for servers: direct, through TLS, through a proxy's tunnel and then TLS."""

    def __init__(
        self,
        reactor: IReactorTime,
        policy: IPolicyForHTTPS,
        proxies: Proxies,
        connect_seconds: float,
    ) -> None:
        self._reactor = reactor
        self._policy = policy
        self._proxies = proxies
        self._connect_seconds = connect_seconds

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:  # noqa: N802
        """The endpoint for C{http} and C{https} URIs."""
        host = uri.host.decode("ascii")
        if uri.scheme != b"https":
            return self._tcp(host, uri.port)
        proxy = self._proxies.for_server("https", host, uri.port)
        if proxy is None:
            return self._tls(self._tcp(host, uri.port), host, uri.port)
        tunnel = TunnelEndpoint(self.proxy(proxy), proxy, host, uri.port)
        return self._tls(tunnel, host, uri.port)

    def proxy(self, proxy: Proxy) -> IStreamClientEndpoint:
        """The endpoint of the proxy itself."""
        endpoint = self._tcp(proxy.host, proxy.port)
        return self._tls(endpoint, proxy.host, proxy.port) if proxy.tls else endpoint

    def _tcp(self, host: str, port: int) -> IStreamClientEndpoint:
        endpoint: IStreamClientEndpoint = HostnameEndpoint(
            self._reactor, host, port, timeout=self._connect_seconds
        )
        return endpoint

    def _tls(self, endpoint: IStreamClientEndpoint, host: str, port: int) -> IStreamClientEndpoint:
        return wrapClientTLS(self._policy.creatorForNetloc(host.encode("ascii"), port), endpoint)


@implementer(IOutboundAgent)
class OutboundAgent:
    """
    An HTTP client's connections: by way of the proxy that the environment names, with the trust
    that C{policy} gives, connections kept for later requests.

    @cvar takes_coded: whether content may have a coding, as it may of an object store: there it is
        a note of whoever has stored an object, whose bytes are sent as they are.
    """

    takes_coded = False

    def __init__(
        self,
        reactor: IReactorTime,
        policy: IPolicyForHTTPS,
        proxies: Proxies | None = None,
        *,
        user_agent: str,
        persistent: bool = True,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        """
        @param user_agent: the service's name.
        @param persistent: whether connections are kept open after a response.
        """
        self._proxies = proxies or Proxies()
        self._user_agent = user_agent.encode("ascii")
        self._pool = HTTPConnectionPool(reactor, persistent=persistent)
        self._pool.maxPersistentPerHost = _IDLE_CONNECTIONS
        self._pool.cachedConnectionTimeout = _IDLE_SECONDS
        endpoints = _Endpoints(reactor, policy, self._proxies, connect_seconds)
        self._agent = Agent.usingEndpointFactory(reactor, endpoints, self._pool)
        plain = self._proxies.by_scheme.get("http")
        self._plain_proxy = (
            ProxyAgent(endpoints.proxy(plain), reactor, self._pool) if plain else None
        )

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,  # noqa: N803
    ) -> Deferred[IResponse]:
        """
        See L{IAgent}.  Content is asked for as it is: what has a coding all the same fails with
        L{CodedContent}, since nobody here could tell whether it is whole, unless L{takes_coded}.
        """
        headers = headers.copy() if headers else Headers()
        headers.setRawHeaders(b"accept-encoding", [b"identity"])
        if not headers.hasHeader(b"user-agent"):
            headers.addRawHeader(b"user-agent", self._user_agent)
        proxy = self._proxy(uri)
        if uri.startswith(b"http:") and proxy is not None and self._plain_proxy is not None:
            if proxy.authorization is not None:
                headers.setRawHeaders("proxy-authorization", [proxy.authorization])
            agent: IAgent = self._plain_proxy
        else:
            agent = self._agent
        return _firm(agent.request(method, uri, headers, bodyProducer), self.takes_coded)

    def way(self, url: str) -> str:
        """See L{IOutboundAgent}."""
        proxy = self._proxy(without_userinfo(url).encode("ascii"))
        return "" if proxy is None else f" by way of the proxy {proxy}"

    def _proxy(self, uri: bytes) -> Proxy | None:
        server = URI.fromBytes(uri)
        return self._proxies.for_server(
            server.scheme.decode("ascii"), server.host.decode("ascii"), server.port
        )

    def close(self) -> Deferred[None]:
        """Close idle connections; fires when they are closed."""
        closed: Deferred[None] = self._pool.closeCachedConnections()
        return closed


def _firm(answer: Deferred[IResponse], takes_coded: bool) -> Deferred[IResponse]:
    """
    The same answer, but once cancelled it fails with C{CancelledError} and nothing else.

    What is cancelled while a name is resolved or a connection made fails with errors that stand
    for real trouble as well (C{DNSLookupError}), after which one would try again.
    """
    cancelled = False

    def cancel(_: object) -> None:
        nonlocal cancelled
        cancelled = True
        answer.cancel()

    firm: Deferred[IResponse] = Deferred(cancel)

    def forward(result: IResponse | Failure) -> None:
        if cancelled:
            return
        if not (takes_coded or isinstance(result, Failure)) and (coding := _coding(result)):
            discard(result)
            text = f"its answer has the content coding {quoted(coding)}; expected none"
            result = Failure(CodedContent(text))
        firm.callback(result)  # a Failure makes it an errback

    answer.addBoth(forward)
    return firm


def _coding(response: IResponse) -> str | None:
    """How the content of a successful response is coded; L{None}: not at all."""
    if not 200 <= response.code < 300:
        return None
    coding = ", ".join(field_texts(response.headers, b"content-encoding"))
    return None if coding.strip().lower() in {"", "identity"} else coding
