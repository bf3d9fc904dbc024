"""Commands that run on another host: sessions of an SSH connection (RFC 4254)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.common import NS
from twisted.internet.defer import Deferred

from image_management.jobs.quiet import QUIET

_MOST_OUTPUT = 256 * 1024
"""Bytes that a command may write."""

BROKE = "the connection broke"


class SshError(Exception):
    """It did not work; the text says why, in one phrase."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has ended."""

    status: int | None
    """Its exit status; C{None}: a signal ended it."""
    output: bytes
    errors: bytes


class Command(SSHChannel):
    """
    A session with one command (RFC 4254, section 6.5).

    @ivar finished: fires when it has ended.
    """

    _log = QUIET
    name = b"session"
    conn: Any

    def __init__(self, command: str) -> None:
        super().__init__()
        self.finished: Deferred[Finished] = Deferred()
        self._command = command.encode()
        self._output: list[bytes] = []
        self._errors: list[bytes] = []
        self._size = 0
        self._status: int | None = None
        self._is_over = False

    def channelOpen(self, specificData: bytes) -> None:
        """Have it run."""
        asked = self.conn.sendRequest(self, b"exec", NS(self._command), wantReply=True)
        asked.addErrback(lambda _: self._fail("it runs no command"))
        self.conn.sendEOF(self)

    def openFailed(self, reason: object) -> None:
        """The host has no session for us."""
        self._fail("it begins no session")

    def dataReceived(self, data: bytes) -> None:
        """Keep what it writes."""
        self._keep(self._output, data)

    def extReceived(self, dataType: int, data: bytes) -> None:
        """Keep what it writes to its standard error."""
        self._keep(self._errors, data)

    def _keep(self, pieces: list[bytes], data: bytes) -> None:
        self._size += len(data)
        if self._size > _MOST_OUTPUT:
            self._fail(f"it answers with more than {_MOST_OUTPUT // 1024} KiB")
            self.conn.transport.abort()
            return
        pieces.append(data)

    def request_exit_status(self, data: bytes) -> None:
        """The command has ended."""
        (self._status,) = struct.unpack(">L", data)
        self._is_over = True

    def request_exit_signal(self, data: bytes) -> None:
        """A signal has ended it."""
        self._is_over = True

    def closed(self) -> None:
        """Nothing follows."""
        if not self._is_over:
            self._fail(BROKE)
        elif not self.finished.called:
            output, errors = b"".join(self._output), b"".join(self._errors)
            self.finished.callback(Finished(self._status, output, errors))

    def _fail(self, text: str) -> None:
        if not self.finished.called:
            self.finished.errback(SshError(text))
