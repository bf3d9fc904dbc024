"""
Infra-envs without assisted-service: one directory for each, named by its id.

C{discovery.ign} is required; C{minimal-initrd} (static network files) and C{infra-env.json} (as
assisted-service would answer) are optional.  Nothing is kept: edits count at the next request.
"""

from __future__ import annotations

import re
from pathlib import Path

from assisted_images.sources.infra_envs import (
    ConfigurationRequest,
    InfraEnvError,
    kernel_arguments,
)
from assisted_images.streaming.threads import RunInThread
from assisted_images.values import Configuration

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class LocalInfraEnvs:
    """
    An L{InfraEnvSource<assisted_images.sources.infra_envs.InfraEnvSource>} over a directory.
    Credentials are not looked at.
    """

    def __init__(self, directory: Path, run_in_thread: RunInThread) -> None:
        self._directory = directory
        self._run_in_thread = run_in_thread

    async def configuration(self, request: ConfigurationRequest) -> Configuration:
        """
        The infra-env's files, as they are now.

        @raise InfraEnvError: 404, there is no such infra-env; 500, its files cannot be read.
        """
        return await self._run_in_thread(self._read, request)

    def _read(self, request: ConfigurationRequest) -> Configuration:
        infra_env_id = request.infra_env_id
        # The id becomes part of a path.
        if not _ID.fullmatch(infra_env_id):
            raise InfraEnvError(404, "an infra-env's id is a lower-case UUID")
        directory = self._directory / infra_env_id
        names = ["discovery.ign"]
        if request.wants_ramdisk:
            names.append("minimal-initrd")
        if request.wants_kernel_arguments:
            names.append("infra-env.json")
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


def _content(path: Path) -> tuple[bytes, float] | None:
    """A file's bytes and the time of its last change; None when there is no such file."""
    try:
        with path.open("rb") as file:
            return file.read(), path.stat().st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return None
