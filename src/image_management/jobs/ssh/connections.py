"""
SSH connections of clients: RFC 4253, 4252, 4254, by Twisted Conch, within bounds.

There is nothing to be had but sessions: ports, agents and X11 are not forwarded.
"""

from __future__ import annotations

from typing import Any

from twisted.conch.ssh.connection import SSHConnection
from twisted.conch.ssh.transport import DISCONNECT_BY_APPLICATION, SSHServerTransport
from twisted.conch.ssh.userauth import SSHUserAuthServer
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from image_management.jobs.quiet import QUIET

LOGIN_SECONDS = 20
KEEP_ALIVE_SECONDS = 30.0
_SIGNATURES = (
    b"ssh-ed25519",
    b"sk-ssh-ed25519@openssh.com",
    b"ecdsa-sha2-nistp256",
    b"ecdsa-sha2-nistp384",
    b"ecdsa-sha2-nistp521",
    b"sk-ecdsa-sha2-nistp256@openssh.com",
    b"rsa-sha2-512",
    b"rsa-sha2-256",
)
_MOST_UNANSWERED = 3
"""Keep-alives; then nobody is there any more."""
_ATTEMPTS = 3
_PARTING_SECONDS = 5.0
"""How long a client may take to hear that it is parted from."""


class UserAuthentication(SSHUserAuthServer):
    """Lets whoever tries be wrong twice."""

    attemptsBeforeDisconnect = _ATTEMPTS - 1
    loginTimeout = LOGIN_SECONDS


class Connection(SSHConnection):
    """What goes on once somebody is logged in."""

    transport: Any
    channels: dict[int, Any]
    # Conch would tell a traceback of a client that asks for what is not to be had.
    _log = QUIET

    def __init__(self) -> None:
        super().__init__()
        self._unanswered = 0
        self._keep_alive = LoopingCall(self._ask)

    def serviceStarted(self) -> None:
        """Somebody is logged in."""
        super().serviceStarted()
        self.transport.logged_in()
        self._keep_alive.clock = self.transport.factory.reactor
        self._keep_alive.start(KEEP_ALIVE_SECONDS, now=False)

    def serviceStopped(self) -> None:
        """Nobody is any more."""
        if self._keep_alive.running:
            self._keep_alive.stop()
        super().serviceStopped()

    def adjustWindow(self, channel: Any, bytesToAdd: int) -> None:
        """Let a client send as much as is read, rather than as much as it sends."""
        if channel.accepts:
            super().adjustWindow(channel, bytesToAdd)

    def _ask(self) -> None:
        """Any answer will do; OpenSSH's is that it does not know what is asked for."""
        if self._unanswered == _MOST_UNANSWERED:
            self.transport.abort()
            return
        self._unanswered += 1
        asked = self.sendGlobalRequest(b"keepalive@openssh.com", b"", wantReply=1)
        asked.addBoth(self._answered)

    def _answered(self, _: object) -> None:
        self._unanswered = 0


class Transport(SSHServerTransport):
    """
    A client's connection.

    While what is sent to the client waits, nothing is read of it, and no session writes: what is
    kept in memory has a bound, whatever the client does.
    """

    # Those that OpenSSH has had for ten years, without those that it has given up since.
    supportedCiphers = [b"aes256-ctr", b"aes192-ctr", b"aes128-ctr"]
    supportedMACs = [b"hmac-sha2-512", b"hmac-sha2-256"]
    supportedKeyExchanges = [
        b"curve25519-sha256",
        b"curve25519-sha256@libssh.org",
        b"ecdh-sha2-nistp256",
        b"ecdh-sha2-nistp384",
        b"ecdh-sha2-nistp521",
    ]
    supportedCompressions = [b"none"]
    ourVersionString = b"SSH-2.0-image-management"

    _log = Logger()
    factory: Any
    transport: Any
    service: Any
    _deadline: IDelayedCall | None = None
    _is_leaving = False

    def connectionMade(self) -> None:
        """Give the client the time that it takes to log in."""
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self._deadline = self.factory.reactor.callLater(LOGIN_SECONDS, self.abort)
        super().connectionMade()

    def logged_in(self) -> None:
        """The client may take its time."""
        self._cancel_deadline()
        self._log.info("logged in from {host}", host=self.transport.getPeer().host)

    def dataReceived(self, data: bytes) -> None:
        """What makes no sense ends the connection, as a client can send whatever it likes."""
        try:
            super().dataReceived(data)
        except Exception as error:
            self._log.info("no SSH from a client: {error}", error=type(error).__name__)
            self.abort()

    def leave(self, text: bytes) -> None:
        """Part from the client, and tell it why."""
        self.sendDisconnect(DISCONNECT_BY_APPLICATION, text)

    def sendDisconnect(self, reason: int, desc: bytes) -> None:
        """Once only; a client that does not listen is parted from all the same."""
        if self._is_leaving:
            return
        self._is_leaving = True
        self._cancel_deadline()
        self._deadline = self.factory.reactor.callLater(_PARTING_SECONDS, self.abort)
        self.transport.unregisterProducer()
        super().sendDisconnect(reason, desc)

    def sendExtInfo(self, extensions: list[tuple[bytes, bytes]]) -> None:
        """
        Say with what clients may sign: RFC 8308, section 3.1.  Conch says what this host's keys
        sign with, at which clients with keys of another kind do not even try.
        """
        super().sendExtInfo([(b"server-sig-algs", b",".join(_SIGNATURES))])

    def receiveError(self, reasonCode: int, description: bytes) -> None:
        """The client parts from us, as each does; what it says is of no use to anybody."""

    def abort(self) -> None:
        """Part from the client at once."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Nobody is there any more."""
        self._cancel_deadline()
        super().connectionLost(reason)
        self.factory.lost(self)

    def pauseProducing(self) -> None:
        """What is sent waits."""
        self.transport.pauseProducing()
        for channel in self._channels():
            channel.hold("connection")

    def resumeProducing(self) -> None:
        """All is sent."""
        if not self._is_leaving:
            self.transport.resumeProducing()
        for channel in self._channels():
            channel.release("connection")

    def stopProducing(self) -> None:
        """The connection is gone; L{connectionLost} follows."""

    def _channels(self) -> list[Any]:
        return list(self.service.channels.values()) if isinstance(self.service, Connection) else []

    def _cancel_deadline(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None
