"""How remote build nodes are known: by a file, or by what they were when they were met first."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Protocol

from twisted.conch.client.knownhosts import HashedEntry, PlainEntry
from twisted.conch.ssh.keys import Key

from httpd.concurrency.threads import RunInThread
from httpd.texts import os_error_text
from image_management.jobs.nodes.client import HostKeyRefused
from image_management.jobs.nodes.commands import SshError
from image_management.store.store import Store


class HostKeys(Protocol):
    """Which keys nodes have."""

    async def known(self, xname: str) -> Collection[Key]:
        """
        A node's public keys; none: any is taken.

        @raise SshError: nobody may log in to the node.
        """

    async def met(self, xname: str, key: Key) -> None:
        """
        Take note of the key of a node, of which none was known, and which was logged in to.

        @raise HostKeyRefused: it is another one than somebody else has met.
        """


class KeysOfFile:
    """The keys in a file as ssh(1) has it, which is read each time."""

    def __init__(self, path: Path, run_in_thread: RunInThread) -> None:
        self._path = path
        self._run_in_thread = run_in_thread

    async def known(self, xname: str) -> Collection[Key]:
        """
        The keys of a node in the file.

        @raise SshError: there is none, or the file cannot be read.
        """
        try:
            keys = await self._run_in_thread(lambda: keys_of(self._path.read_bytes(), xname))
        except OSError as error:
            raise SshError(
                f"IMS_REMOTE_KNOWN_HOSTS: {self._path}: {os_error_text(error)}"
            ) from None
        if not keys:
            raise HostKeyRefused(f"its host key is not known: {self._path} has no line for {xname}")
        return keys

    async def met(self, xname: str, key: Key) -> None:
        """Only what is in the file counts."""


class KeysOfFirstUse:
    """The key that a node had when it was logged in to first, kept with its record."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def known(self, xname: str) -> Collection[Key]:
        """The key, once there is one."""
        text = await self._store.host_key(xname)
        return [] if text is None else [Key.fromString(text)]

    async def met(self, xname: str, key: Key) -> None:
        """
        Keep the first.

        @raise HostKeyRefused: another replica has met another one at the same time.
        """
        kept = await self._store.keep_host_key(xname, key.toString("openssh").decode())
        if Key.fromString(kept) != key:
            raise HostKeyRefused("its host key is another one than a moment ago")


def keys_of(text: bytes, host: str) -> list[Key]:
    """
    The keys of a host in the text of a file of known hosts, by its name as it is or hashed
    (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").

    Lines with patterns, authorities and revoked keys, and those that are none, say nothing.
    """
    name = host.encode()
    return [entry.publicKey for entry in _entries(text, name) if entry.matchesHost(name)]


def _entries(text: bytes, name: bytes) -> Iterator[PlainEntry | HashedEntry]:
    """The lines that may be about a host; to read all keys of a large site takes a while."""
    for line in text.splitlines():
        form: type[PlainEntry | HashedEntry] = PlainEntry
        if line.startswith(HashedEntry.MAGIC):
            form = HashedEntry
        elif name not in line:
            continue
        try:
            yield form.fromString(line)
        except Exception:  # noqa: S112 - of what is no key Conch raises nearly anything
            continue
