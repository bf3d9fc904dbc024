"""
A TCP transport that speaks TLS by itself, with OpenSSL on its socket.

What is sent is encrypted straight into the socket, 128 KiB at a time, out of a buffer that all
connections share.  Twisted's own TLS has OpenSSL write into memory, 16 KiB at a time, and keeps for
each client what it has not taken.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from httpd.streaming.disk import DiskFile
from httpd.streaming.regions import TURN, NotAtHand, RegionServer

_RECORD = 16 * 1024
"""Bytes in a TLS record at most: more than that is never read at a time (RFC 8446, 5.1)."""

_CLEAR = memoryview(bytearray(TURN))
"""
What is being encrypted of a file; of no meaning between two calls.

OpenSSL may be given the rest of a record's bytes from another place than the first time, and even
from one that has been used for others meanwhile and filled again.
"""

_ANSWER_IN_CLEAR = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n"
    b"This is an HTTPS port, and that was an HTTP request.\n"
)


class TlsSide(Protocol):
    """Makes the server's side of TLS; L{httpd.listening.tls.ServerTls} is one."""

    def connection(self, socket: socket.socket) -> SSL.Connection:
        """
        TLS on a socket, before the handshake.

        It does not have C{SSL_MODE_ENABLE_PARTIAL_WRITE}: that is an OpenSSL call for each 16 KiB.
        It has C{SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER}; and C{SSL_OP_IGNORE_UNEXPECTED_EOF}, as many
        close without C{close_notify}, and it has nothing to tell where messages have their length.
        """


@implementer(ISSLTransport)
class TlsServer(RegionServer):
    """
    The server's side of a TLS connection.

    The protocol is connected from the beginning, so that it can bound the handshake.  Closing is
    orderly: after C{close_notify} and the end of what is sent, until the peer has closed too; that
    is for the protocol to bound.  A peer that closes first may take what it is sent all the same
    (RFC 8446, section 6.1), where the protocol is C{IHalfCloseableProtocol}.
    """

    _secured = False
    _closed = False
    _reading_writes = False
    _begun = 0

    def __init__(self, tls: TlsSide, sock: socket.socket, *connection: Any) -> None:
        """
        @param connection: what a listening port hands to its C{transport} besides.
        """
        super().__init__(sock, *connection)
        self._tls = tls.connection(sock)

    def getPeerCertificate(self) -> X509 | None:  # noqa: N802
        """No client has one."""
        return self._tls.get_peer_certificate()

    def doRead(self) -> Any:  # noqa: N802
        """The peer has sent something, or left."""
        if not self._secured:
            return self._shake_hands()
        self._turn_left = TURN
        try:
            data = self._tls.recv(_RECORD)
        except SSL.WantReadError:
            return None
        except SSL.WantWriteError:  # the answer to a KeyUpdate
            self._reading_writes = True
            self.stopReading()  # or the reactor tells of what is there, again and again
            self.startWriting()
            return None
        except SSL.ZeroReturnError:
            return CONNECTION_DONE
        except SSL.Error:
            return CONNECTION_LOST
        return self._dataReceived(data)

    def doWrite(self) -> Any:
        """The socket takes more."""
        if not self._secured:
            return self._read_besides(self._shake_hands)
        if self._closed:
            self.stopWriting()
            return None
        if self._reading_writes:
            self._reading_writes = False
            self.startReading()
            return self._read_besides(self.doRead)
        return super().doWrite()

    def readConnectionLost(self, reason: Failure) -> None:  # noqa: N802
        """The peer has closed: the last that was to come, or it goes on taking what it is sent."""
        if self._closed:
            self.connectionLost(reason)
        else:
            super().readConnectionLost(reason)

    def send_bytes(self, data: memoryview, *, more: bool) -> int | ConnectionLost:
        """Encrypt."""
        return self._encrypt(data)

    def send_file(
        self, file: DiskFile, offset: int, length: int, *, brought: bool
    ) -> int | ConnectionLost:
        """Read and encrypt."""
        count = file.read_into(_CLEAR[:length], offset, wait=brought)
        if not count or count < self._begun:
            raise EOFError if brought else NotAtHand
        return self._encrypt(_CLEAR[:count])

    def loseConnection(self) -> None:  # noqa: N802
        """Close when everything is sent; at once, when nothing is and TLS has not begun."""
        if not self.connected or self.disconnecting:
            return
        if not (self._secured or self._queue.pieces):
            self.abortConnection()
            return
        super().loseConnection()
        self.startReading()  # the handshake goes on, and the peer is to close, too

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Let go of OpenSSL's part: its descriptor may be another connection's soon."""
        self.__dict__.pop("_tls", None)
        super().connectionLost(reason)

    def _may_send(self) -> bool:
        return self._secured and not (self._closed or self._reading_writes) and super()._may_send()

    def _read_besides(self, read: Callable[[], Any]) -> Any:
        """Read in a write's turn: the reactor would take the end of what comes for that of all."""
        why = read()
        if why is not CONNECTION_DONE:
            return why
        self.stopReading()
        self.readConnectionLost(Failure(why))
        return None

    def _shake_hands(self) -> Any:
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            self.stopWriting()
            return None
        except SSL.WantWriteError:
            self.startWriting()
            return None
        except SSL.Error as error:
            if "http request" in str(error):
                self._answer_in_clear()
            return CONNECTION_LOST
        self._secured = True
        if self._queue.pieces:
            self.startWriting()
        else:
            self.stopWriting()
        return self.doRead()

    def _answer_in_clear(self) -> None:
        with suppress(OSError):
            self.socket.recv(_RECORD)  # or the connection is reset before the client has read
            self.socket.send(_ANSWER_IN_CLEAR)

    def _encrypt(self, data: memoryview) -> int | ConnectionLost:
        try:
            self._tls.send(data)
        except SSL.WantWriteError:
            # OpenSSL has sent some of it, and expects the same again, or more.
            self._begun = len(data)
            return 0
        except SSL.Error:
            # WantReadError, too: it takes half a handshake message, which nobody sends.
            return CONNECTION_LOST
        self._begun = 0
        return len(data)

    def _postLoseConnection(self) -> Any:
        try:
            if self._tls.shutdown():
                return CONNECTION_DONE
            self.socket.shutdown(socket.SHUT_WR)
        except SSL.WantWriteError:
            self.startWriting()
            return None
        except (SSL.Error, OSError):
            return CONNECTION_LOST
        self._closed = True
        return None
