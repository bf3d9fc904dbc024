"""The SSH server over one root file system: who may log in, and how many."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from twisted.conch.avatar import ConchUser
from twisted.conch.checkers import InMemorySSHKeyDB, SSHPublicKeyChecker
from twisted.conch.error import ConchError
from twisted.conch.interfaces import IConchUser
from twisted.conch.ssh.connection import OPEN_ADMINISTRATIVELY_PROHIBITED, OPEN_RESOURCE_SHORTAGE
from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.keys import BadKeyError, Key
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.logger import Logger
from zope.interface import Interface, implementer

from image_management.jobs.ssh.channels import SessionChannel
from image_management.jobs.ssh.connections import Connection, Transport, UserAuthentication
from image_management.jobs.ssh.host_keys import HostKeys
from image_management.jobs.ssh.place import Place

MOST_SESSIONS = 10
_PARTING_SECONDS = 1.0
"""For clients to take in how their sessions have ended, upon which they mostly leave."""
_SMALLEST_PACKET = 1024
"""Bytes; RFC 4253, section 6.1, has everybody take 32 768."""
_MOST_CONNECTIONS = 30
"""Of clients that are logged in or about to; more are parted from at once."""

_log = Logger()


class Server(SSHFactory):
    """
    Serves whoever has one of the keys.

    @ivar connections: all of now.
    @ivar sessions: all of now, including those whose process has not ended yet.
    @ivar idle_since: since when there is no session; C{None}: there is one.
    """

    services = {
        b"ssh-userauth": UserAuthentication,
        b"ssh-connection": Connection,
    }
    noisy = False

    def __init__(self, reactor: Any, place: Place, host_keys: HostKeys) -> None:
        self.reactor = reactor
        self.place = place
        self.privateKeys = dict(host_keys.private)
        self.publicKeys = {kind: key.public() for kind, key in self.privateKeys.items()}
        keys = InMemorySSHKeyDB({b"root": _keys(place.authorized_keys)})
        self.portal = Portal(_Realm(self), [SSHPublicKeyChecker(keys)])
        self.connections: set[Transport] = set()
        self.sessions: set[SessionChannel] = set()
        self.idle_since: float | None = reactor.seconds()
        self._is_closing = False
        self._waiting: list[Deferred[None]] = []

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A new connection; C{None}: there are too many."""
        if self._is_closing or len(self.connections) >= _MOST_CONNECTIONS:
            return None
        transport = Transport()
        transport.factory = self
        transport.supportedPublicKeys = [
            name for key in self.privateKeys.values() for name in key.supportedSignatureAlgorithms()
        ]
        self.connections.add(transport)
        return transport

    def lost(self, transport: Transport) -> None:
        """A connection is gone."""
        self.connections.discard(transport)
        self._look()

    def enter(self, settings: dict[str, Any]) -> SessionChannel:
        """
        A new session.

        @raise ConchError: there can be none more.
        """
        if self._is_closing:
            raise ConchError("the image is not open any more", OPEN_ADMINISTRATIVELY_PROHIBITED)
        if len(self.sessions) >= MOST_SESSIONS:
            raise ConchError(f"there are {MOST_SESSIONS} sessions already", OPEN_RESOURCE_SHORTAGE)
        channel = SessionChannel(self, **settings)
        self.sessions.add(channel)
        self.idle_since = None
        return channel

    def changed(self, channel: SessionChannel) -> None:
        """A session is closed, or its process has ended, or both."""
        if channel.is_over:
            self.sessions.discard(channel)
            if not self.sessions:
                self.idle_since = self.reactor.seconds()
        self._look()

    async def close(self) -> None:
        """
        End all sessions, then all connections; who is about to log in, or asks for a session, is
        too late.
        """
        self._is_closing = True
        for channel in list(self.sessions):
            channel.end()
        await self._until(lambda: not any(channel.is_running for channel in self.sessions))
        parting = self.reactor.callLater(_PARTING_SECONDS, self._part)
        await self._until(lambda: not self.connections)
        if parting.active():
            parting.cancel()

    def _part(self) -> None:
        for transport in list(self.connections):
            transport.leave(b"the image is closed")

    async def _until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting

    def _look(self) -> None:
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)


class _User(ConchUser):
    """Root, who is logged in."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def lookupChannel(
        self,
        channelType: bytes,
        windowSize: int,
        maxPacket: int,
        data: bytes,
    ) -> SessionChannel:
        """There are only sessions, and packets worth being made."""
        if channelType != b"session" or maxPacket < _SMALLEST_PACKET:
            raise ConchError("there are only sessions here", OPEN_ADMINISTRATIVELY_PROHIBITED)
        return self._server.enter(
            {"remoteWindow": windowSize, "remoteMaxPacket": maxPacket, "avatar": self}
        )

    def gotGlobalRequest(self, requestType: bytes, data: bytes) -> int:
        """There is nothing else to be had."""
        return 0


@implementer(IRealm)
class _Realm:
    def __init__(self, server: Server) -> None:
        self._server = server

    def requestAvatar(
        self,
        avatarId: object,
        mind: object,
        *interfaces: type[Interface],
    ) -> tuple[type[Interface], _User, Callable[[], None]]:
        """Root, whoever it is."""
        return IConchUser, _User(self._server), lambda: None


def _keys(text: str) -> list[Key]:
    """The keys of a text; what is no key that Conch knows nobody can log in with."""
    keys = []
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                keys.append(Key.fromString(line.strip().encode(), type="public_openssh"))
            except (BadKeyError, UnsupportedAlgorithm, ValueError, IndexError, struct.error):
                _log.warn("a public key is of no kind that can log in")
    return keys
