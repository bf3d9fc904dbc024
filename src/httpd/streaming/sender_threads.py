"""
Threads that send files to the clients that take everything as fast as it comes.

Such a client would have a turn in every round of the reactor.  A thread waits for it in the kernel,
and for the disk, without keeping the interpreter from anything: long stretches of a file go out by
one call.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from httpd.streaming.disk import DiskFile

_MOST = 16
"""Threads, each of which has one connection; the others have their turns of the reactor."""

_FAST = 40 * 1024 * 1024
"""Bytes a second: a client that takes fewer is none of the fast ones."""

_TRIAL = 1024 * 1024
"""Bytes by which a client shows that it is one."""

_CALL = 32 * 1024 * 1024
"""Bytes sent by one call, at most."""

_NICER = 10
"""
By how much the threads beyond one for each CPU are nicer than the reactor (sched(7)).  Where they
share its CPU, and never sleep since their clients are on the same machine or the network is faster
than the CPU, there are up to sixteen for its one.  Those that are not nicer have as much of the
CPU as any other program on the host; together the others count for as much as one or two of them.
"""

_PATIENCE = struct.pack("@ll", 0, 20_000)
"""
20 ms, as C{struct timeval} for C{SO_SNDTIMEO} (socket(7)): how long the kernel waits until the
client has taken the next 64 KiB.  So a call comes back in ten seconds, however slow it has become.
"""


class Pace:
    """Whether a client is a fast one, by what it takes of a file."""

    def __init__(
        self, stretch: int, fast: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """
        @param stretch: bytes between two looks at the clock, at least.
        @param fast: bytes a second.
        """
        self._stretch = stretch
        self._fast = fast
        self._clock = clock
        self._start = 0
        self._began = clock()

    def is_fast(self, sent: int) -> bool:
        """
        Whether a stretch has gone out since the last look, and fast; then the next one begins.

        @param sent: bytes of the file that have been sent so far; fewer than the last time: it is
            another file.
        """
        stretch = sent - self._start
        if 0 <= stretch < self._stretch:
            return False
        now = self._clock()
        fast = 0 < stretch >= (now - self._began) * self._fast
        self._start, self._began = sent, now
        return fast


class _Rank:
    """Threads of one niceness."""

    def __init__(self, threads: int, nicer: int) -> None:
        self.nicer = nicer
        self.free = threads
        # All from the beginning: the reactor waits for each to start.
        self.pool = ThreadPool(threads, threads, "senders")


class SenderThreads:
    """
    The threads of one listener.

    They end with the reactor that its connections have: the sockets of those that are at work are
    shut down then, and the threads waited for.
    """

    def __init__(
        self, most: int = _MOST, fast: int = _FAST, trial: int = _TRIAL, call: int = _CALL
    ) -> None:
        """
        @param most: threads at once.
        @param fast: bytes a second that a client takes for whom there is one, at least.
        @param trial: bytes by which it shows that.
        @param call: bytes sent by one call, at most.
        """
        self._fast = fast
        self._trial = trial
        self._call = call
        alike = min(most, len(os.sched_getaffinity(0)))
        self._ranks = (_Rank(alike, 0), _Rank(most - alike, _NICER))
        self._sockets: set[socket.socket] = set()
        self._stopped: Deferred[None] | None = None

    def trial(self) -> Pace:
        """Of a client that is about to get its first bytes of a file."""
        return Pace(self._trial, self._fast)

    def send(
        self, reactor: Any, sock: socket.socket, file: DiskFile, offset: int, length: int
    ) -> Deferred[int] | None:
        """
        Have a thread send some of a file, for as long as the client is a fast one.

        Nobody else is to write to the socket meanwhile, or to close it; C{shutdown} ends the
        sending.

        @param reactor: the connection's.
        @return: fires with how many bytes were sent, 0 to C{length}.  Whatever kept the thread from
            sending more will do so again when it is tried without one.  C{None}: no thread is free.
        """
        rank = next((rank for rank in self._ranks if rank.free), None)
        if rank is None or self._stopped is not None:
            return None
        self._start(reactor)
        rank.free -= 1
        self._sockets.add(sock)
        sending = deferToThreadPool(
            reactor, rank.pool, self._send, rank.nicer, sock, file, offset, length
        )
        return sending.addBoth(self._over, rank, sock)

    def _start(self, reactor: Any) -> None:
        if not self._ranks[0].pool.started:
            for rank in self._ranks:
                rank.pool.start()
            reactor.addSystemEventTrigger("before", "shutdown", self._stop)

    def _send(
        self, nicer: int, sock: socket.socket, file: DiskFile, offset: int, length: int
    ) -> int:
        """What a thread does."""
        sent, pace = 0, Pace(1, self._fast)
        with suppress(OSError):  # somebody has made the process less nice meanwhile
            nice = os.getpriority(os.PRIO_PROCESS, os.getpid()) + nicer
            os.setpriority(os.PRIO_PROCESS, 0, nice)  # the thread's
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _PATIENCE)
        os.set_blocking(sock.fileno(), True)
        with suppress(OSError):
            while sent < length:
                count = min(self._call, length - sent)
                file.expect(offset + sent, count)
                sent += os.sendfile(sock.fileno(), file.descriptor, offset + sent, count)
                if not pace.is_fast(sent):
                    break
        os.set_blocking(sock.fileno(), False)
        return sent

    def _over(self, sent: Any, rank: _Rank, sock: socket.socket) -> Any:
        rank.free += 1
        self._sockets.remove(sock)
        if self._stopped is not None and not self._sockets:
            self._stopped.callback(None)
        return sent

    def _stop(self) -> Deferred[None]:
        """Cut what is under way; fires when no thread is left."""
        self._stopped = stopped = Deferred[None]()
        for rank in self._ranks:
            stopped.addCallback(lambda _, pool: pool.stop(), rank.pool)
        for sock in self._sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        if not self._sockets:
            stopped.callback(None)
        return stopped
