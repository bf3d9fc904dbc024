"""What a peer has not acknowledged yet: the sign of life of a slow client."""

from __future__ import annotations

import array
import fcntl
import socket
import struct
import termios
from typing import Any

_BYTES_ACKED = struct.Struct("=120xQ")
"""C{tcpi_bytes_acked} in C{struct tcp_info} (linux/tcp.h)."""


class SendQueue:
    """
    The kernel's part of a connection's way to its peer.

    A client that reads slowly makes progress here long before Twisted's own buffer is empty and its
    producer is resumed.  Where there is no socket, or none of TCP, all is always 0.
    """

    def __init__(self, transport: Any) -> None:
        self._socket: socket.socket | None = getattr(transport, "socket", None)

    def unsent(self) -> int:
        """Bytes that the kernel still has to get to the peer (C{SIOCOUTQ}, tcp(7))."""
        count = array.array("i", [0])
        try:
            if self._socket is not None:
                fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, count)
        except (OSError, ValueError):
            pass  # not a socket, or closed meanwhile
        return count[0]

    def acknowledged(self) -> int:
        """
        Bytes that the peer's kernel has taken, since the beginning (C{TCP_INFO}, tcp(7)).

        What is unsent may be the same again after a while, because as much has been written.
        """
        try:
            if self._socket is not None:
                info = self._socket.getsockopt(
                    socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size
                )
                return int(_BYTES_ACKED.unpack(info)[0])
        except (OSError, struct.error):
            pass  # as above, or a kernel before Linux 4.1
        return 0
