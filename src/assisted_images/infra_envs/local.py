"""
Infra-envs without assisted-service: one directory for each, named by its id.

C{discovery.ign} is required; C{minimal-initrd} (static network files) and C{infra-env.json} (as
assisted-service would answer) are optional.  Edits count at the next request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cachetools import LRUCache

from assisted_images.infra_envs.configurations import (
    ConfigurationRequest,
    InfraEnvError,
    kernel_arguments,
)
from assisted_images.values import Configuration, is_infra_env_id
from httpd.concurrency.threads import RunInThread

_KEPT = 64
"""Configurations."""

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
    reads one image by thousands of requests.
    """

    def __init__(
        self,
        directory: Path,
        run_in_thread: RunInThread,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        @param now: seconds since the epoch, by the clock that gives files their times.
        """
        self._directory = directory
        self._run_in_thread = run_in_thread
        self._now = now
        self._kept: LRUCache[tuple[str, ...], tuple[_Look, Configuration]] = LRUCache(_KEPT)

    async def configuration(self, request: ConfigurationRequest) -> Configuration:
        """
        The infra-env's files, as they are now.

        @raise InfraEnvError: 404, there is no such infra-env; 500, its files cannot be read.
        """
        # The id becomes part of a path.
        if not is_infra_env_id(request.infra_env_id):
            raise InfraEnvError(404, "an infra-env's id is a lower-case UUID")
        names = _names(request)
        key = (request.infra_env_id, *names)
        # Handing this to a thread would take ten times as long.
        look = _Look.at(self._directory / request.infra_env_id, names)
        seen, configuration = self._kept.get(key, (None, None))
        if configuration is not None and seen == look:
            return configuration
        configuration = await self._run_in_thread(self._read, request)
        if self._now() - look.changed_at > _SETTLED_SECONDS:
            # Having been looked at before it was read: a change between the two shows next time.
            self._kept[key] = look, configuration
        return configuration

    def _read(self, request: ConfigurationRequest) -> Configuration:
        infra_env_id = request.infra_env_id
        directory = self._directory / infra_env_id
        names = _names(request)
        try:
            files = {name: _content(directory / name) for name in names}
        except OSError as error:
            raise InfraEnvError(
                500, f"the files of infra-env {infra_env_id} cannot be read: {error.strerror}"
            ) from None
        ignition = files["discovery.ign"]
        if ignition is None:
            raise InfraEnvError(
                404, f"there is no infra-env {infra_env_id}: no file {infra_env_id}/discovery.ign"
            )
        ramdisk = files.get("minimal-initrd")
        infra_env = files.get("infra-env.json")
        return Configuration(
            ignition=ignition[0],
            ramdisk=ramdisk[0] if ramdisk else b"",
            kernel_arguments=kernel_arguments(infra_env[0]) if infra_env else (),
            last_modified=max(file[1] for file in files.values() if file is not None),
        )


def _names(request: ConfigurationRequest) -> list[str]:
    """The files that a request is about."""
    names = ["discovery.ign"]
    if request.wants_ramdisk:
        names.append("minimal-initrd")
    if request.wants_kernel_arguments:
        names.append("infra-env.json")
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
        files: list[tuple[int, int, int, int] | None] = []
        changed_at = 0.0
        for name in names:
            try:
                status = (directory / name).stat()
            except OSError:
                files.append(None)
                continue
            files.append((status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
            changed_at = max(changed_at, status.st_ctime)
        return cls(tuple(files), changed_at)


def _content(path: Path) -> tuple[bytes, float] | None:
    """A file's bytes and the time of its last change; None when there is no such file."""
    try:
        with path.open("rb") as file:
            return file.read(), path.stat().st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return None
