"""Asking remote build nodes how they are: side by side, so that none keeps another waiting."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from cachetools import TTLCache
from twisted.application.service import Service
from twisted.conch.ssh.keys import Key
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.python.failure import Failure

from httpd.concurrency.coroutines import side_by_side
from httpd.concurrency.slots import OwnSlots
from httpd.concurrency.threads import RunInThread
from httpd.texts import os_error_text
from image_management.jobs.nodes.client import Login, log_in
from image_management.jobs.nodes.commands import Finished, SshError
from image_management.jobs.nodes.host_keys import HostKeys
from image_management.jobs.nodes.status import LOGGED_IN, NodeStatus, ask_all

SSH_PORT = 22
CONNECT_SECONDS = 5.0
COMMANDS_SECONDS = 10.0
"""For all of a node's."""
SHARED_SECONDS = 5.0
"""For how long an answer is given again."""
MOST_AT_ONCE = 20
_MOST_KEPT = 10_000

_T = TypeVar("_T")


class NodeProbes(Service):
    """
    Knows how remote build nodes are.

    A node is asked by one connection at a time, whoever wants to know; as a service this ends what
    is under way when it stops.
    """

    def __init__(
        self,
        endpoint: Callable[[str], IStreamClientEndpoint],
        key_file: Path,
        host_keys: HostKeys,
        clock: IReactorTime,
        run_in_thread: RunInThread,
        *,
        user: str = "root",
    ) -> None:
        """
        @param endpoint: where the SSH server of a node is, by xname.
        @param key_file: the private key to log in with, which is read each time.
        """
        self._endpoint = endpoint
        self._key_file = key_file
        self._host_keys = host_keys
        self._clock = clock
        self._run_in_thread = run_in_thread
        self._user = user
        self._slots = OwnSlots(MOST_AT_ONCE)
        self._answers: TTLCache[str, NodeStatus] = TTLCache(
            _MOST_KEPT, SHARED_SECONDS, clock.seconds
        )
        self._waiting: dict[str, list[Deferred[NodeStatus]]] = {}
        self._running: list[Deferred[None]] = []

    async def all_of(self, xnames: Iterable[str], seconds: float | None = None) -> list[NodeStatus]:
        """
        How nodes are, in their order.

        @param seconds: for how long to wait; of a node that has not answered by then nothing is
            known.  C{None}: as long as it takes.
        @raise StoreUnavailable: nobody knows by which keys they are known.
        """
        return await side_by_side(self._of_in_time(xname, seconds) for xname in xnames)

    async def _of_in_time(self, xname: str, seconds: float | None) -> NodeStatus:
        if seconds is None:
            return await self.of(xname)
        try:
            return await self._within(seconds, self.of(xname), seconds)
        except SshError as error:
            return NodeStatus(xname, ssh=str(error))

    async def of(self, xname: str) -> NodeStatus:
        """
        How a node is.

        @raise StoreUnavailable: nobody knows by which key it is known.
        """
        if (known := self._answers.get(xname)) is not None:
            return known
        is_asked = xname in self._waiting
        waiting = self._waiting.setdefault(xname, [])
        # Whoever leaves does not end it for the others.
        mine: Deferred[NodeStatus] = Deferred(waiting.remove)
        waiting.append(mine)
        if not is_asked:
            self._begin(xname)
        return await mine

    def stopService(self) -> None:
        """Ask nobody any more."""
        Service.stopService(self)
        # Those first that wait for others to end.
        for running in self._running[::-1]:
            running.cancel()

    def _begin(self, xname: str) -> None:
        def over(result: NodeStatus | Failure) -> None:
            for one in [*self._waiting.pop(xname)]:
                if not one.called:  # one's end may be another's
                    one.callback(result)  # a Failure makes it an errback

        running = Deferred.fromCoroutine(self._ask(xname)).addBoth(over)
        if not running.called:
            self._running.append(running)
            running.addBoth(lambda _: self._running.remove(running))

    async def _ask(self, xname: str) -> NodeStatus:
        async with self._slots:
            status = await self._found_out(xname)
        self._answers[xname] = status
        return status

    async def _found_out(self, xname: str) -> NodeStatus:
        try:
            login = await self._log_in(xname)
        except SshError as error:
            return NodeStatus(xname, ssh=str(error))
        try:
            return await self._questioned(login, NodeStatus(xname, ssh=LOGGED_IN))
        finally:
            login.close()

    async def _log_in(self, xname: str) -> Login:
        """
        Log in to a node that is the one that it was.

        @raise SshError: that cannot be done.
        """
        key = await self._run_in_thread(read_private_key, self._key_file)
        known = await self._host_keys.known(xname)
        connecting = log_in(self._endpoint(xname), self._user, key, known)
        login = await self._within(CONNECT_SECONDS, connecting, CONNECT_SECONDS)
        if not known:
            try:
                await self._host_keys.met(xname, login.host_key)
            except BaseException:
                login.close()
                raise
        return login

    async def _questioned(self, login: Login, status: NodeStatus) -> NodeStatus:
        """What a node answers, as far as its answers are good."""
        end = self._clock.seconds() + COMMANDS_SECONDS

        async def ask(command: str) -> Finished:
            left = max(0.0, end - self._clock.seconds())
            return await self._within(left, login.run(command), COMMANDS_SECONDS)

        return await ask_all(ask, status)

    async def _within(
        self, seconds: float, coroutine: Coroutine[Deferred[Any], Any, _T], told: float
    ) -> _T:
        """
        What a coroutine returns.

        @param told: the seconds that it had, with all that went before.
        @raise SshError: it takes longer.
        """

        def too_slow(_result: object, _seconds: float) -> NoReturn:
            raise SshError(f"no answer within {told:g} s")

        running = Deferred.fromCoroutine(coroutine)
        return await running.addTimeout(seconds, self._clock, too_slow)


def read_private_key(path: Path) -> Key:
    """
    The key in a file as ssh-keygen(1) makes it.  Blocking.

    @raise SshError: there is none that could be used.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SshError(
            f"there is no key to log in with: IMS_REMOTE_KEY_FILE: {path}: {os_error_text(error)}"
        ) from None
    try:
        key: Key | None = Key.fromString(text)
    except Exception:  # of a damaged one Conch and what it reads keys with raise nearly anything
        key = None
    if key is None or key.isPublic():
        raise SshError(f"IMS_REMOTE_KEY_FILE: {path} is no private key of SSH without a passphrase")
    return key
