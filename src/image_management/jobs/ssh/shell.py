"""A root file system that somebody logs in to by SSH, until a signal file says that all is done."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import LoopingCall

from httpd.concurrency.threads import RunInThread, threads_of
from image_management.jobs.ssh.additions import BadRoot, add, take_out
from image_management.jobs.ssh.host_keys import HostKeys
from image_management.jobs.ssh.place import Place
from image_management.jobs.ssh.server import Server
from image_management.jobs.ssh.signal_files import Signal, put_signal, remove_signals, signal_in

__all__ = ["BadRoot", "NoFreePort", "Place", "Shell", "Signal", "open_shell"]

_LOOK_SECONDS = 1.0
"""Between two looks for signal files."""


class NoFreePort(Exception):
    """None of the ports can be listened on; the text says which, and why not the last."""


class Shell:
    """An open root file system."""

    def __init__(self, port: IListeningPort, server: Server, run_in_thread: RunInThread) -> None:
        self._port = port
        self._server = server
        self._run_in_thread = run_in_thread
        self._signal: Signal | None = None
        self._waiting: list[Deferred[Signal]] = []
        self._looking = LoopingCall(self._look)
        self._looking.clock = server.reactor
        self._looking.start(_LOOK_SECONDS)

    @property
    def port(self) -> int:
        """Where the SSH server listens."""
        number: int = self._port.getHost().port  # type: ignore[attr-defined]
        return number

    @property
    def sessions(self) -> int:
        """How many sessions there are now."""
        return len(self._server.sessions)

    @property
    def idle_since(self) -> float | None:
        """Since when there is no session, by the reactor's clock; C{None}: there is one."""
        return self._server.idle_since

    def signalled(self) -> Deferred[Signal]:
        """Fires within 2 s of a signal; may be asked for by several, and be cancelled."""
        signalled: Deferred[Signal] = Deferred(self._waiting.remove)
        if self._signal is None:
            self._waiting.append(signalled)
        else:
            signalled.callback(self._signal)
        return signalled

    def signal(self, signal: Signal) -> None:
        """
        Signal, by the file of that name: it is there after a restart, too.  The first signal
        counts.
        """
        if self._signal is None:
            # Whoever is logged in may have made of the directory what they like.
            with suppress(OSError):
                put_signal(self._server.place.root, signal)
            self._signalled(signal)

    def _signalled(self, signal: Signal) -> None:
        if self._looking.running:
            self._looking.stop()
        self._signal = signal
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(signal)

    async def close(self) -> None:
        """
        Listen no more, and end all sessions, within 10 s or so.  The root stays as it is: it can be
        opened again, by another process too.  May be done again.
        """
        if self._looking.running:
            self._looking.stop()
        await maybeDeferred(self._port.stopListening)
        await self._server.close()

    async def clean(self) -> None:
        """
        Take signal files, and what was added for the sandbox, out of the root of a closed shell.
        May be done again.

        @raise OSError: it cannot be done.
        """
        place = self._server.place
        await self._run_in_thread(remove_signals, place.root)
        await self._run_in_thread(take_out, place.root, place.notes)

    def _look(self) -> None:
        signal = signal_in(self._server.place.root)
        if signal is not None:
            self._signalled(signal)


async def open_shell(
    reactor: Any, place: Place, host_keys: HostKeys, ports: Sequence[int], interface: str = ""
) -> Shell:
    """
    Let the owners of the keys log in, as root, to a sandbox in which only the root file system is.

    @param ports: the first that is free is taken; 0 is any.
    @param interface: the address to listen on; empty: all.
    @raise NoFreePort: none is free.
    @raise BadRoot: there is no sandbox to be made of it.
    @raise OSError: what the sandbox needs cannot be added.
    """
    run_in_thread = threads_of(reactor)
    await run_in_thread(add, place.root, place.notes, dkms=place.dkms)
    server = Server(reactor, place, host_keys)
    return Shell(_listening(reactor, server, ports, interface), server, run_in_thread)


def _listening(
    reactor: Any, server: Server, ports: Sequence[int], interface: str
) -> IListeningPort:
    last = "there are none"
    for port in ports:
        try:
            listening: IListeningPort = reactor.listenTCP(port, server, interface=interface)
        except CannotListenError as error:
            last = str(error.socketError)
        else:
            return listening
    named = ", ".join(map(str, ports[:3]))
    raise NoFreePort(f"no free port of {len(ports)} for SSH ({named}, ...): {last}")
