"""
Ending the turn of a job's user: its container waits for a file, which the service makes there by
SSH, as the user would.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from twisted.conch.ssh.keys import Key
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from httpd.texts import quoted_if_odd
from image_management.jobs.backend import BackendError
from image_management.jobs.nodes.client import log_in
from image_management.jobs.nodes.commands import SshError
from image_management.jobs.ssh.host_keys import load_key
from image_management.records.record import Record
from image_management.values import USER_AGENT

CONNECT_SECONDS = 10.0
"""For which it may take to log in."""

COMMAND_SECONDS = 10.0

Connect = Callable[[str, int], IStreamClientEndpoint]
"""The way to a port of a host."""

_T = TypeVar("_T")


def load_own_key(folder: Path) -> Key:
    """
    The key by which this service logs in to jobs, in C{id_ed25519}; where there is none, one is
    made.  Blocking, some milliseconds.

    @raise BadHostKey: the file holds something else.
    @raise OSError: the folder cannot be read or written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return load_key(folder / "id_ed25519", "ed25519")


class Finishing:
    """
    Ends users' turns.

    @ivar public_key: the line that lets this service log in to a job.
    """

    def __init__(self, key: Key, connect: Connect, clock: IReactorTime, user: str = "root") -> None:
        public_key = key.public().toString("openssh", comment=USER_AGENT.encode())
        self.public_key: str = public_key.decode()
        self._key = key
        self._connect = connect
        self._clock = clock
        self._user = user

    async def end(self, job: Record, *, failed: bool) -> None:
        """
        End the turn of a job's user.

        @param failed: whether what the user has made is not wanted.
        @raise BackendError: the container cannot be reached, or does not do it.
        """
        [container, *_] = job.document["ssh_containers"]
        place = container["connection_info"]["cluster.local"]
        host, port = place["host"], place["port"]
        try:
            await self._touch(self._connect(host, port), signal_file(container, failed=failed))
        except SshError as error:
            raise BackendError(f"ssh to {host} port {port}: {error}") from None

    async def _touch(self, endpoint: IStreamClientEndpoint, path: str) -> None:
        # Each job has a host key of its own, that nobody is told of; nothing that is sent to the
        # wrong host could be used by it: it is no password, and the signature is for this session.
        logging_in = log_in(endpoint, self._user, self._key)
        login = await self._within(CONNECT_SECONDS, logging_in)
        try:
            finished = await self._within(COMMAND_SECONDS, login.run(f"touch {path}"))
        finally:
            login.close()
        if finished.status != 0:
            said = quoted_if_odd(finished.errors.decode("utf-8", "replace").strip())
            raise SshError(f"touch {path}: {said}")

    async def _within(self, seconds: float, coroutine: Coroutine[Deferred[Any], Any, _T]) -> _T:
        def too_slow(_result: object, _seconds: float) -> NoReturn:
            raise SshError(f"no answer within {seconds:g} s")

        running = Deferred.fromCoroutine(coroutine)
        return await running.addTimeout(seconds, self._clock, too_slow)


def signal_file(container: Any, *, failed: bool) -> str:
    """
    The file that a job waits for, as whoever is logged in to it sees it.

    @param container: what one is logged in to, as the job's record has it; a jail is the image.
    """
    folder = "/tmp" if container["jail"] else "/mnt/image"  # noqa: S108 - it is the image's
    return f"{folder}/{'failed' if failed else 'complete'}"
