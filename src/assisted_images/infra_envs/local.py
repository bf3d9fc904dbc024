"""
Infra-envs without assisted-service: one directory for each, named by its id.

C{discovery.ign} is required; C{minimal-initrd} (static network files) and C{infra-env.json} (as
assisted-service would answer) are optional.  What these say more for one host is in C{hosts/}, in a
directory named by its MAC address.  Edits count at the next request.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cachetools import LRUCache

from assisted_images.infra_envs.configurations import (
    LARGEST_PART,
    ConfigurationRequest,
    InfraEnvError,
    kernel_arguments,
)
from assisted_images.infra_envs.contents import (
    WrongContent,
    joined_ramdisks,
    require_ignition,
    require_ramdisk,
)
from assisted_images.infra_envs.listing import (
    HOSTS,
    Listing,
    LocalInfraEnv,
    list_infra_envs,
    local_infra_env,
)
from assisted_images.values import Configuration, KernelArgumentEdit, is_infra_env_id
from httpd.concurrency.turns import Turns
from httpd.texts import os_error_text

MOST_THREADS = 64
"""In which files are read.  A file system that hangs keeps one for each infra-env on it."""

PATIENCE_SECONDS = 10.0
"""How long a request waits for files: what is slower hangs."""

LARGEST_TOTAL = 256 * 1024 * 1024
"""Bytes of configurations that are kept at most; those that were asked for longest ago give way."""

_SETTLED_SECONDS = 2.0
"""
What has not changed for so long will look changed when it does: a file system's clock may stand
still for a moment, in which a second change leaves no trace.
"""


class LocalInfraEnvs:
    """
    An L{InfraEnvSource<assisted_images.infra_envs.configurations.InfraEnvSource>} over a directory.
    Credentials are not looked at.

    Each request looks whether the files have changed, and only then they are read again: a BMC
    reads one image by thousands of requests.  All of it is done in threads: a file system may hang.
    """

    def __init__(
        self,
        directory: Path,
        turns: Turns,
        now: Callable[[], float] = time.time,
        largest_total: int = LARGEST_TOTAL,
    ) -> None:
        """
        @param turns: by infra-env.
        @param now: seconds since the epoch, by the clock that gives files their times.
        @param largest_total: bytes of configurations that are kept at most.
        """
        self._directory = directory
        self._turns = turns
        self._now = now
        self._kept: LRUCache[tuple[str, ...], _Reading] = LRUCache(largest_total, _Reading.size)

    async def configuration(self, request: ConfigurationRequest) -> Configuration:
        """
        The infra-env's files, as they are now.

        @raise InfraEnvError: 404, there is no such infra-env; 500, its files cannot be read, or are
            none that can be served; 504, their file system does not answer.
        """
        infra_env_id = request.infra_env_id
        # The id becomes part of a path.
        if not is_infra_env_id(infra_env_id):
            raise InfraEnvError(404, "an infra-env's id is a lower-case UUID")
        names = _names(request)
        key = (infra_env_id, *names)
        kept = self._kept.get(key)
        try:
            reading = await self._turns.run(
                infra_env_id, _Reading.now, self._directory / infra_env_id, names, kept
            )
        except TimeoutError as error:
            raise InfraEnvError(
                504, f"the files of infra-env {infra_env_id} could not be read: {error}"
            ) from None
        if reading is not kept and self._now() - reading.look.changed_at > _SETTLED_SECONDS:
            with suppress(ValueError):  # it is larger than all may be
                self._kept[key] = reading
        return reading.configuration

    async def listing(self, first: int, most: int) -> Listing:
        """
        Some of the infra-envs, as L{list_infra_envs}.

        @raise OSError: they cannot be read, or not in time.
        """
        return await self._turns.run(self._directory, list_infra_envs, self._directory, first, most)

    async def find(self, infra_env_id: str) -> LocalInfraEnv | None:
        """
        One infra-env, as L{local_infra_env}.

        @param infra_env_id: an id.
        @raise OSError: it cannot be read in time.
        """
        return await self._turns.run(infra_env_id, local_infra_env, self._directory, infra_env_id)


def _names(request: ConfigurationRequest) -> list[str]:
    """The files that a request is about."""
    places = [""] if request.host is None else ["", f"{HOSTS}/{request.host}/"]
    names = ["discovery.ign"]
    if request.wants_ramdisk:
        names += [place + "minimal-initrd" for place in places]
    if request.wants_kernel_arguments:
        names += [place + "infra-env.json" for place in places]
    return names


@dataclass(frozen=True, slots=True)
class _Look:
    """What of some files is another when one has changed."""

    files: tuple[tuple[int, int, int, int] | None, ...]
    """Of each its inode, size and times; None where there is no such file."""

    changed_at: float
    """When any of them was last changed, in seconds since the epoch."""

    @classmethod
    def at(cls, directory: Path, names: Sequence[str]) -> _Look:
        """
        Look at files.

        @raise InfraEnvError: one is there that cannot be served.
        """
        files: list[tuple[int, int, int, int] | None] = []
        changed_at = 0.0
        for name in names:
            path = directory / name
            try:
                status = path.stat()
            except (FileNotFoundError, NotADirectoryError):
                files.append(None)
                continue
            except OSError as error:
                raise _unreadable(path, error) from None
            _require_plain(path, status)
            files.append((status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
            changed_at = max(changed_at, status.st_ctime)
        return cls(tuple(files), changed_at)


@dataclass(frozen=True, slots=True)
class _Reading:
    """A configuration, and what its files looked like before they were read."""

    look: _Look
    configuration: Configuration

    @classmethod
    def now(cls, directory: Path, names: Sequence[str], kept: _Reading | None) -> _Reading:
        """
        What the files say now: C{kept}, where they are as they were.

        @raise InfraEnvError: there is no such infra-env, or a file that cannot be served.
        """
        look = _Look.at(directory, names)
        if kept is not None and kept.look == look:
            return kept
        # A change between the two shows next time.
        return cls(look, _configuration(directory, names))

    def size(self) -> int:
        """About how many bytes of memory it takes."""
        return self.configuration.size


def _configuration(directory: Path, names: Sequence[str]) -> Configuration:
    files = {name: _content(directory / name) for name in names}
    ignition = files["discovery.ign"]
    if ignition is None:
        raise InfraEnvError(
            404,
            f"there is no infra-env {directory.name}: no file {directory.name}/discovery.ign",
        )
    ramdisks: list[bytes] = []
    arguments: list[KernelArgumentEdit] = []
    for name, file in files.items():
        if file is None:
            continue
        try:
            match Path(name).name:
                case "discovery.ign":
                    require_ignition(file[0])
                case "minimal-initrd":
                    require_ramdisk(file[0])
                    ramdisks.append(file[0])
                case "infra-env.json":
                    arguments += kernel_arguments(file[0])
        except (WrongContent, InfraEnvError) as error:
            raise InfraEnvError(500, f"{_shown(directory / name)}: {error}") from None
    return Configuration(
        ignition=ignition[0],
        ramdisk=joined_ramdisks(ramdisks),
        kernel_arguments=tuple(arguments),
        last_modified=max(file[1] for file in files.values() if file is not None),
    )


def _content(path: Path) -> tuple[bytes, float] | None:
    """A file's bytes and the time of its last change; None when there is no such file."""
    try:
        # Whatever it has become since it was looked at, it is opened at once.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            _require_plain(path, status)
            return file.read(status.st_size), status.st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(path, error) from None


def _require_plain(path: Path, status: os.stat_result) -> None:
    """
    Refuse what it would take for ever to read, or all the memory.

    @raise InfraEnvError: it is no regular file, or too large.
    """
    if not stat.S_ISREG(status.st_mode):
        raise InfraEnvError(500, f"{_shown(path)} is no regular file; expected one")
    if status.st_size > LARGEST_PART:
        raise InfraEnvError(
            500,
            f"{_shown(path)} is too large: {status.st_size} bytes; expected at most {LARGEST_PART}",
        )


def _unreadable(path: Path, error: OSError) -> InfraEnvError:
    return InfraEnvError(500, f"{_shown(path)} cannot be read: {os_error_text(error)}")


def _shown(path: Path) -> str:
    """A file as messages name it: below the directory of all infra-envs."""
    depth = 4 if path.parent.parent.name == HOSTS else 2
    return "/".join(path.parts[-depth:])
