"""
A TCP transport that sends files without reading them: C{sendfile(2)}.

The kernel moves the bytes from the page cache to the socket; Python sees neither.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.main import CONNECTION_LOST

from httpd.streaming.disk import DiskFile, FileRegion
from httpd.streaming.regions import NotAtHand, RegionServer
from httpd.streaming.sender_threads import Pace, SenderThreads


class SendfileServer(RegionServer):
    """The server's side of a connection in clear."""

    _pace: Pace | None = None

    def __init__(self, senders: SenderThreads, *connection: Any) -> None:
        """
        @param senders: those that send to whoever takes everything as fast as it comes.
        @param connection: what a listening port hands to its C{transport} besides.
        """
        super().__init__(*connection)
        self._senders = senders

    def send_by_thread(self, region: FileRegion, sent: int) -> Deferred[int] | None:
        """For as long as the client is a fast one."""
        if self._pace is None:
            self._pace = self._senders.trial()
        if not self._pace.is_fast(sent):
            return None
        offset, length = region.offset + sent, region.length - sent
        return self._senders.send(self.reactor, self.socket, region.file, offset, length)

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
