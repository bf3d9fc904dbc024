"""
A TCP transport that sends files without reading them: C{sendfile(2)}.

The kernel moves the bytes from the page cache to the socket; Python sees neither.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.main import CONNECTION_LOST

from assisted_images.streaming.disk import DiskFile
from assisted_images.streaming.regions import NotAtHand, RegionServer
from assisted_images.streaming.turns import Turns


class SendfileServer(RegionServer):
    """The server's side of a connection in clear."""

    _turn = 0

    def __init__(self, turns: Turns, *connection: Any) -> None:
        """
        @param turns: those of all connections that share this one's reactor.
        @param connection: what a listening port hands to its C{transport} besides.
        """
        super().__init__(*connection)
        self._turns = turns

    def next_turn(self) -> int:
        """Longer where there are fewer that send."""
        self._turn, length = self._turns.begin(self._turn)
        return length

    def send_bytes(self, data: memoryview, *, more: bool) -> int | ConnectionLost:
        """Send; what follows goes into the same packet where there is room."""
        try:
            return self.socket.send(data, socket.MSG_MORE if more else 0)
        except BlockingIOError:
            return 0
        except OSError:
            return CONNECTION_LOST

    def send_file(
        self, file: DiskFile, offset: int, length: int, *, brought: bool
    ) -> int | ConnectionLost:
        """Have the kernel send."""
        if not (brought or file.is_at_hand(offset, length)):
            raise NotAtHand
        try:
            sent = os.sendfile(self.fileno(), file.descriptor, offset, length)
        except BlockingIOError:
            return 0
        except OSError:
            return CONNECTION_LOST
        if not sent:
            raise EOFError
        return sent
