"""A user's turn is ended at OpenSSH's server, as it is in the container."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.conch.ssh.keys import Key
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from image_management.jobs.backend import BackendError
from image_management.jobs.kubernetes.finishing import (
    COMMAND_SECONDS,
    CONNECT_SECONDS,
    Finishing,
    load_own_key,
)
from image_management.jobs.ssh.host_keys import BadHostKey
from image_management.records.record import Record
from tests.engines.sshd import USER, Sshd, start_sshd
from tests.httpd.outbound.servers import trial_reactor
from tests.image_management.jobs.samples import job_record


def job_at(port: int, *, jail: bool = False) -> Record:
    """A job that one logs in to at a port of this host."""
    inside, outside = {"host": "127.0.0.1", "port": port}, {"host": "outside", "port": 1}
    places = {"customer_access": outside, "cluster.local": inside}
    container = {"name": "customize", "jail": jail, "connection_info": places}
    return job_record(ssh_containers=[container])


class KeyTests(SynchronousTestCase):
    def test_made_once(self) -> None:
        folder = Path(self.mktemp()) / "ssh"
        first, second = load_own_key(folder), load_own_key(folder)
        self.assertEqual(first, second)
        self.assertEqual((folder / "id_ed25519").stat().st_mode & 0o777, 0o600)
        public = Finishing(first, connect, Clock()).public_key
        self.assertTrue(public.startswith("ssh-ed25519 AAAA"), public)
        self.assertTrue(public.endswith(" image-management"), public)
        self.assertNotIn("\n", public)
        self.assertEqual(Key.fromString(public), first.public())
        self.assertEqual((folder / "id_ed25519.pub").read_text().split()[:2], public.split()[:2])

    def test_none(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "id_ed25519").write_text("nothing")
        with self.assertRaisesRegex(BadHostKey, "id_ed25519 is no private key"):
            load_own_key(folder)


def connect(host: str, port: int) -> IStreamClientEndpoint:
    return TCP4ClientEndpoint(trial_reactor(), host, port)


class FinishTests(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.key = load_own_key(self.folder)
        self.clock: Any = trial_reactor()

    async def server(self, script: str = "") -> Sshd:
        """
        One that notes what is to be run.

        @param script: what is run after that.
        """
        program = self.folder / "run"
        noted = self.folder / "noted"
        text = f'#!/bin/sh\necho "$SSH_ORIGINAL_COMMAND" >>{noted}\n{script}\n'
        program.write_text(text)
        program.chmod(0o755)
        return await start_sshd(self, self.folder / "id_ed25519", command=str(program))

    async def end(self, job: Record, *, failed: bool = False) -> None:
        await Finishing(self.key, connect, self.clock, USER).end(job, failed=failed)

    async def refusal(self, job: Record) -> str:
        """Why it cannot be done."""
        try:
            await self.end(job)
        except BackendError as error:
            return str(error)
        raise AssertionError("it was done")

    async def test_touched(self) -> None:
        """By the name that whoever is logged in has for it; as often as one likes."""
        server = await self.server()
        for jail, failed in ((False, False), (False, True), (True, False), (True, True)):
            await self.end(job_at(server.port, jail=jail), failed=failed)
        await self.end(job_at(server.port))
        self.assertEqual(
            (self.folder / "noted").read_text().splitlines(),
            [
                "touch /mnt/image/complete",
                "touch /mnt/image/failed",
                "touch /tmp/complete",
                "touch /tmp/failed",
                "touch /mnt/image/complete",
            ],
        )

    async def test_the_file_is_there(self) -> None:
        server = await self.server(f"cd {self.folder} && ${{SSH_ORIGINAL_COMMAND%% *}} done")
        await self.end(job_at(server.port))
        self.assertTrue((self.folder / "done").exists())

    async def test_it_fails(self) -> None:
        server = await self.server("echo 'touch: Read-only file system' >&2; exit 1")
        port = server.port
        self.assertEqual(
            await self.refusal(job_at(port)),
            f"ssh to 127.0.0.1 port {port}: touch /mnt/image/complete: touch: Read-only file"
            " system",
        )

    async def test_it_is_not_let_in(self) -> None:
        server = await self.server()
        self.key = load_own_key(Path(self.mktemp()))
        self.assertIn("does not let", await self.refusal(job_at(server.port)))
        self.assertFalse((self.folder / "noted").exists())

    async def test_nobody_listens(self) -> None:
        server = await self.server()
        await server.stop()
        text = f"ssh to 127.0.0.1 port {server.port}: connection refused"
        self.assertEqual(await self.refusal(job_at(server.port)), text)

    async def test_no_answer_to_the_command(self) -> None:
        """It ends with the connection."""
        server = await self.server("while kill -0 $PPID; do sleep 0.05; done")
        self.clock = Clock()
        refusal = Deferred.fromCoroutine(self.refusal(job_at(server.port)))
        while not (self.folder / "noted").exists():
            await deferLater(trial_reactor(), 0.02)
        self.clock.advance(COMMAND_SECONDS)
        self.assertIn("no answer within 10 s", await refusal)


@implementer(IStreamClientEndpoint)
class Nowhere:
    """Where nobody ever answers."""

    def connect(self, protocolFactory: object) -> Deferred[Any]:  # noqa: N803
        return Deferred()


class NoAnswerTests(SynchronousTestCase):
    def test_no_connection(self) -> None:
        clock = Clock()
        finishing = Finishing(
            load_own_key(Path(self.mktemp())), lambda _host, _port: Nowhere(), clock
        )
        ending = Deferred.fromCoroutine(finishing.end(job_at(22), failed=False))
        clock.advance(CONNECT_SECONDS - 1)
        self.assertNoResult(ending)
        clock.advance(1)
        error = self.failureResultOf(ending, BackendError).value
        self.assertEqual(str(error), "ssh to 127.0.0.1 port 22: no answer within 10 s")
