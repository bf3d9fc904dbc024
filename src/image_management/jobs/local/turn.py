"""The user's turn: a root file system is open over SSH until the user says that all is done."""

from __future__ import annotations

from pathlib import Path

from image_management.jobs.local.folders import JobFolder
from image_management.jobs.local.workshop import StageFailed, Workshop
from image_management.jobs.ssh.host_keys import BadHostKey, load_host_keys
from image_management.jobs.ssh.place import Place
from image_management.jobs.ssh.shell import BadRoot, NoFreePort, Shell, open_shell
from image_management.jobs.ssh.signal_files import Signal
from image_management.records.record import Record


class UserTurn:
    """
    One user's turn.

    @ivar port: where SSH listens, once it is open.
    """

    port: int
    _shell: Shell

    def __init__(self, shop: Workshop, job: Record, folder: JobFolder, keys: str) -> None:
        """
        @param keys: public keys of who may log in, one a line.
        """
        self._shop = shop
        self._job = job
        self._folder = folder
        self._keys = keys

    async def open(self, root: Path) -> None:
        """
        Listen, where the job's record says if that is possible.

        @raise StageFailed: it is not possible to log in.
        """
        members = self._job.document
        place = Place(
            root=root,
            notes=self._folder.shell_notes,
            authorized_keys=self._keys,
            environment={
                "IMS_JOB_ID": self._job.id,
                "IMS_ARCH": members["arch"],
                "IMS_DKMS_ENABLED": str(members["require_dkms"]),
                "REMOTE_BUILD_NODE": members["remote_build_node"],
            },
            dkms=members["require_dkms"],
        )
        ports = [port_of(self._job), *self._shop.settings.ssh_ports]
        try:
            host_keys = load_host_keys(self._shop.settings.key_dir)
            self._shell = await open_shell(self._shop.reactor, place, host_keys, ports)
        except (NoFreePort, BadRoot, BadHostKey) as error:
            raise StageFailed(f"ssh: {error}") from None
        self.port = self._shell.port

    async def ended(self) -> bool:
        """
        Wait for the user.

        @return: whether it is given up.
        """
        return await self._shell.signalled() is Signal.FAILED

    def end(self, *, failed: bool) -> None:
        """End it, in the user's name."""
        self._shell.signal(Signal.FAILED if failed else Signal.COMPLETE)

    def nobody_came(self) -> str | None:
        """Why it is to be given up, where it is."""
        since, seconds = self._shell.idle_since, self._shop.settings.idle_seconds
        if seconds and since is not None and self._shop.reactor.seconds() - since >= seconds:
            return f"nobody came for {seconds / 3600:g} hours"
        return None

    async def close(self) -> None:
        """Let nobody work any more; it can be opened again."""
        await self._shell.close()

    async def clean(self) -> None:
        """Take out of the root file system what only served the turn."""
        await self._shell.clean()


def port_of(job: Record) -> int:
    """Where a job's record says that it listens; 0: nowhere yet."""
    for container in job.document["ssh_containers"]:
        for place in container["connection_info"].values():
            return int(place["port"])
    return 0
