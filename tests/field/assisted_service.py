"""An assisted-service of three calls, whose Ignition config differs on every call."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import ITCPTransport

from tests.httpd.outbound.servers import Received, Server, response, trial_reactor


class FreshlySigned:
    """
    Answers as assisted-service does; each Ignition config has a number of its own in it, as a
    freshly signed token would be, and tells for whom it was made.

    @ivar calls: what was asked.
    @ivar hold: whether answers wait for L{release}.
    """

    def __init__(self) -> None:
        self.calls: list[Received] = []
        self.hold = False
        self._held: list[Callable[[], None]] = []
        self._server = Server(self._answer)
        self._port: Any = None
        self._number = 0

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a service that asks this one."""
        return {"ASSISTED_SERVICE_HOST": f"127.0.0.1:{self._number}"}

    def up(self) -> None:
        """Listen, on the same port each time."""
        self._port = trial_reactor().listenTCP(self._number, self._server, interface="127.0.0.1")
        self._number = self._port.getHost().port

    async def down(self) -> None:
        """Refuse connections, and cut those that are there."""
        if self._port is None:
            return
        port, self._port = self._port, None
        await port.stopListening()
        for connection in list(self._server.connections):
            transport: ITCPTransport = connection.transport  # type: ignore[assignment]
            transport.abortConnection()
        await self._server.all_connections_lost()

    def release(self) -> None:
        """Give the answers that wait."""
        self.hold = False
        held, self._held = self._held, []
        for answer in held:
            answer()

    def _answer(self, received: Received, transport: ITCPTransport) -> None:
        self.calls.append(received)
        body = self._body(received, len(self.calls))
        if self.hold:
            self._held.append(lambda: transport.write(response(body=body)))
        else:
            transport.write(response(body=body))

    def _body(self, received: Received, number: int) -> bytes:
        if received.path.endswith("/downloads/files"):
            made_for = credential_in(received)
            config = {"ignition": {"version": "3.2.0"}, "call": number, "made for": made_for}
            return json.dumps(config).encode()
        if received.path.endswith("/downloads/minimal-initrd"):
            return b""
        return b"{}"


def credential_in(received: Received) -> str:
    """What assisted-service was sent to see who asks."""
    [api_key] = received.query.get("api_key", [""])
    headers = received.headers
    return api_key or headers.get("image-token") or headers.get("authorization") or "nobody"
