"""
Running commands on another host by SSH: RFC 4253, 4252, 4254, by Twisted Conch.

There is one way to log in, by a public key, and nothing to be had but commands without a terminal.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from twisted.conch.ssh.common import NS
from twisted.conch.ssh.connection import SSHConnection
from twisted.conch.ssh.keys import FingerprintFormats, Key
from twisted.conch.ssh.transport import SSHClientTransport
from twisted.conch.ssh.userauth import MSG_USERAUTH_REQUEST, SSHUserAuthClient
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.endpoints import connectProtocol
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.python.failure import Failure

from httpd.outbound.failures import reason_of, was_cancelled
from httpd.texts import quoted_if_odd
from image_management.jobs.nodes.commands import BROKE, Command, Finished, SshError
from image_management.jobs.quiet import QUIET

_ALGORITHMS: tuple[bytes, ...] = (
    b"ssh-ed25519",
    b"ecdsa-sha2-nistp256",
    b"ecdsa-sha2-nistp384",
    b"ecdsa-sha2-nistp521",
    b"rsa-sha2-512",
    b"rsa-sha2-256",
)
"""How hosts may prove who they are, the best first: without SHA-1 and DSA."""


class HostKeyRefused(SshError):
    """The host is another one than expected, as its key is none of those that are known."""


class Login:
    """
    A connection to a host, on which somebody is logged in.

    @ivar host_key: the host's public key.
    """

    def __init__(self, transport: _Transport, host_key: Key) -> None:
        self.host_key = host_key
        self._transport = transport

    async def run(self, command: str) -> Finished:
        """
        Run a command in the user's shell, with nothing on its standard input.

        @raise SshError: the host does not run it, the command writes too much, or the connection
            breaks.
        """
        if self._transport.is_lost:
            raise SshError(BROKE)
        channel = Command(command)
        self._transport.connection.openChannel(channel)
        return await channel.finished

    def close(self) -> None:
        """End the connection; whatever runs is left alone."""
        self._transport.abort()


async def log_in(
    endpoint: IStreamClientEndpoint, user: str, key: Key, known: Collection[Key] = ()
) -> Login:
    """
    Log in to a host.  Cancelling this ends the connection.

    @param key: the user's private key.
    @param known: the host's public keys, of which it has to prove that it has one; empty: nobody
        knows them, and any is taken.
    @raise HostKeyRefused: it has none of them.
    @raise SshError: the host cannot be reached, does not talk SSH, or lets C{user} not log in.
    """
    transport = _Transport(user, key, known)
    try:
        await connectProtocol(endpoint, transport)
    except Exception as error:
        if was_cancelled(error):
            raise CancelledError from None
        raise SshError(reason_of(error)) from None
    try:
        host_key = await transport.logged_in
    except BaseException:
        transport.abort()
        raise
    return Login(transport, host_key)


class _Transport(SSHClientTransport):
    """
    A connection to a host.

    @ivar logged_in: fires once with the host's key, or fails.
    @ivar connection: what commands run on from then on.
    """

    _log = QUIET
    transport: Any
    ourVersionString = b"SSH-2.0-image-management"
    is_lost = False
    _host_key: Key

    def __init__(self, user: str, key: Key, known: Collection[Key]) -> None:
        self.logged_in: Deferred[Key] = Deferred()
        self.connection = _Connection()
        self._user = user
        self._key = key
        self._known = known
        # As ssh(1) does: a host of several keys is to prove that it has the one that is known.
        self.supportedPublicKeys = sorted(_ALGORITHMS, key=self._is_unknown)

    def _is_unknown(self, algorithm: bytes) -> bool:
        return not any(algorithm in key.supportedSignatureAlgorithms() for key in self._known)

    def verifyHostKey(self, hostKey: bytes, fingerprint: bytes) -> Deferred[bool]:
        """Go on with a host whose key is known."""
        key = Key.fromString(hostKey)
        if self._known and key not in self._known:
            error = HostKeyRefused(f"its host key {fingerprint_of(key)} is none that is known")
            self.end(error)
            return fail(error)
        self._host_key = key
        return succeed(True)

    def connectionSecure(self) -> None:
        """Log in."""
        self.requestService(_Authentication(self._user, self._key, self.connection))

    def ready(self) -> None:
        """Note that it is done."""
        if not self.logged_in.called:
            self.logged_in.callback(self._host_key)

    def dataReceived(self, data: bytes) -> None:
        """What makes no sense ends the connection, as a host can send whatever it likes."""
        try:
            super().dataReceived(data)
        except Exception as error:
            self.end(SshError(f"what it sends is no SSH ({type(error).__name__})"))

    def sendDisconnect(self, reason: int, desc: bytes) -> None:
        """Conch cannot go on."""
        self.end(SshError(quoted_if_odd(desc.decode("utf-8", "replace"))))

    def receiveError(self, reasonCode: int, description: bytes) -> None:
        """The host does not want to go on."""
        shown = quoted_if_odd(description.decode("utf-8", "replace"))
        self.end(SshError(f"it ended the connection: {shown}"))

    def end(self, error: SshError) -> None:
        """Give the connection up."""
        if not self.logged_in.called:
            self.logged_in.errback(error)
        self.abort()

    def abort(self) -> None:
        """Close the connection at once."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Nobody is there any more."""
        self.is_lost = True
        super().connectionLost(reason)
        error = None if reason is None else reason.value
        self.end(SshError(BROKE if error is None else reason_of(error)))


class _Authentication(SSHUserAuthClient):
    """Logs in by one public key (RFC 4252, section 7), without asking first whether it might."""

    _log = QUIET
    transport: Any

    def __init__(self, user: str, key: Key, connection: SSHConnection) -> None:
        super().__init__(user.encode(), connection)
        self._key = key

    def serviceStarted(self) -> None:
        """Send the request with its signature."""
        key = self._key
        algorithm = key.supportedSignatureAlgorithms()[0]
        request = b"".join(map(NS, (self.user, self.instance.name, b"publickey")))
        request += b"\x01" + NS(algorithm) + NS(key.public().blob())
        signed = NS(self.transport.sessionID) + bytes((MSG_USERAUTH_REQUEST,)) + request
        signature = key.sign(signed, algorithm)
        self.transport.sendPacket(MSG_USERAUTH_REQUEST, request + NS(signature))

    def ssh_USERAUTH_FAILURE(self, packet: bytes) -> None:
        """There is no other way."""
        user = self.user.decode()
        self.transport.end(SshError(f"it does not let {user} log in with the key"))

    def ssh_USERAUTH_BANNER(self, packet: bytes) -> None:
        """What it has to say to people is of no use here."""


class _Connection(SSHConnection):
    """What commands run on."""

    _log = QUIET
    transport: Any

    def serviceStarted(self) -> None:
        """Somebody is logged in."""
        super().serviceStarted()
        self.transport.ready()


def fingerprint_of(key: Key) -> str:
    """A key as ssh(1) shows it, such as C{SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU}."""
    return f"SHA256:{key.fingerprint(FingerprintFormats.SHA256_BASE64)}"
