"""
Connections through an HTTP proxy by C{CONNECT} (RFC 9110, section 9.3.6), as an endpoint.

Twisted's C{ProxyAgent} cannot do it (twisted#5324), and no maintained library does.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from httpd.outbound.proxies import Proxy
from httpd.texts import quoted

_LONGEST_ANSWER = 64 * 1024
"""Bytes of header that a proxy may answer with."""


class TunnelError(Exception):
    """The proxy opened no tunnel; the text says why and holds no credentials."""


class _Tunnel(Protocol):
    """Opens the tunnel, then only passes on what comes and goes."""

    def __init__(self, request: bytes, factory: IProtocolFactory) -> None:
        self.opened: Deferred[IProtocol] = Deferred(lambda _: self._abort())
        self._request = request
        self._factory = factory
        self._answer = b""
        self._inner: IProtocol | None = None

    def connectionMade(self) -> None:
        self._connection.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.dataReceived(data)
            return
        self._answer += data
        head, end, rest = self._answer.partition(b"\r\n\r\n")
        if end:
            self._answered(head, rest)
        elif len(head) > _LONGEST_ANSWER:
            self._refuse("the proxy's answer to CONNECT is no HTTP response")

    def _answered(self, head: bytes, rest: bytes) -> None:
        version, _, status = head.partition(b"\r\n")[0].partition(b" ")
        if not (version.startswith(b"HTTP/1.") and status.startswith(b"2")):
            answer = quoted(status.decode("ascii", "replace"))
            self._refuse(f"the proxy answered CONNECT with {answer}")
            return
        inner = self._factory.buildProtocol(self._connection.getPeer())
        if inner is None:
            self._refuse("the connection is not wanted any more")
            return
        self._inner = inner
        inner.makeConnection(self._connection)
        self.opened.callback(inner)
        if rest:
            inner.dataReceived(rest)

    def _refuse(self, text: str) -> None:
        if not self.opened.called:
            self.opened.errback(TunnelError(text))
        self._abort()

    @property
    def _connection(self) -> ITCPTransport:
        connection: ITCPTransport = self.transport  # type: ignore[assignment]
        return connection

    def _abort(self) -> None:
        if self.transport is not None:
            self._connection.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._inner is not None:
            self._inner.connectionLost(reason)
        elif not self.opened.called:
            self.opened.errback(TunnelError("the proxy closed the connection"))


@implementer(IStreamClientEndpoint)
class TunnelEndpoint:
    """Connects to C{host}:C{port} by way of a proxy."""

    def __init__(
        self, proxy_endpoint: IStreamClientEndpoint, proxy: Proxy, host: str, port: int
    ) -> None:
        """
        @param proxy_endpoint: connects to the proxy itself.
        """
        self._proxy_endpoint = proxy_endpoint
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
        if proxy.authorization is not None:
            lines.append(f"Proxy-Authorization: {proxy.authorization}")
        self._request = "\r\n".join([*lines, "", ""]).encode("ascii")

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:  # noqa: N803
        """
        Open a connection.

        @return: fires with the protocol that C{protocolFactory} made, once the tunnel is open;
            fails with L{TunnelError}.  Cancelling it closes the connection.
        """
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        tunnel = _Tunnel(self._request, factory)
        await self._proxy_endpoint.connect(Factory.forProtocol(lambda: tunnel))
        return await tunnel.opened
