"""Who may log in, to what, and how many."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.logger import globalLogPublisher

from image_management.jobs.ssh.shell import NoFreePort
from tests.httpd.outbound.servers import trial_reactor
from tests.image_management.jobs.ssh.opened import ShellTestCase


class _Silent(Protocol):
    """A client that says nothing."""

    is_lost = False

    def connectionLost(self, reason: object = None) -> None:
        self.is_lost = True


class Logins(ShellTestCase):
    async def refused(self, *options: str, key: Path | None = None) -> str:
        arguments = [*self.options(key), *options, "sandbox", "true"]
        said = await self.program("ssh", *arguments)
        self.assertEqual(said.status, 255)
        return said.errors

    async def test_every_kind_of_key(self) -> None:
        keys = [self.make_key(kind, kind) for kind in ("ed25519", "ecdsa", "rsa")]
        lines = [key.with_suffix(".pub").read_text() for key in keys]
        await self.open(authorized_keys="# all of them\n\n" + "".join(lines))
        for key in keys:
            said = await self.program("ssh", *self.options(key), "sandbox", "true")
            self.assertEqual((said.status, said.errors), (0, ""))

    async def test_a_key_that_nobody_can_use_takes_no_other_s_place(self) -> None:
        ours = self.key.with_suffix(".pub").read_text()
        await self.open(authorized_keys=f"ssh-nonsense AAAA\nssh-rsa AAAA\n{ours}")
        self.assertEqual(await self.said("echo in"), "in\n")

    async def test_only_the_job_s_keys(self) -> None:
        await self.open()
        other = self.make_key("other")
        self.assertIn("Permission denied (publickey)", await self.refused(key=other))

    async def test_only_root(self) -> None:
        await self.open()
        self.assertIn("Permission denied (publickey)", await self.refused("-l", "nobody"))

    async def test_no_passwords(self) -> None:
        await self.open()
        said = await self.refused("-o", "PreferredAuthentications=password,keyboard-interactive")
        self.assertIn("Permission denied (publickey)", said)

    async def test_three_tries(self) -> None:
        await self.open()
        first, *others = [self.make_key(f"other{number}") for number in range(3)]
        third = ["-i", str(others[0]), "-i", str(self.key)]
        said = await self.program("ssh", *self.options(first), *third, "sandbox", "true")
        self.assertEqual(said.status, 0)
        fourth = ["-i", str(others[0]), "-i", str(others[1]), "-i", str(self.key)]
        self.assertIn("too many bad auths", await self.refused(*fourth, key=first))

    async def test_seconds_to_log_in(self) -> None:
        await self.open()
        endpoint = TCP4ClientEndpoint(trial_reactor(), "127.0.0.1", self.shell.port)
        client = await connectProtocol(endpoint, _Silent())
        await self.until(lambda: self.reactor.clock.getDelayedCalls()[1:])
        self.reactor.clock.advance(19)
        self.assertEqual(await self.said("echo in"), "in\n")
        self.assertFalse(client.is_lost)
        self.reactor.clock.advance(1)
        await self.until(lambda: client.is_lost)

    async def test_what_is_no_ssh(self) -> None:
        await self.open()
        endpoint = TCP4ClientEndpoint(trial_reactor(), "127.0.0.1", self.shell.port)
        for said in (b"GET / HTTP/1.1\r\n" * 1000, b"SSH-2.0-x\r\n" + b"\xff" * 100_000):
            client = await connectProtocol(endpoint, _Silent())
            assert client.transport is not None
            client.transport.write(said)
            await self.until(partial(getattr, client, "is_lost"))

    async def test_only_sessions(self) -> None:
        await self.open()
        said = await self.refused("-o", "LogLevel=INFO", "-W", "127.0.0.1:22")
        self.assertIn("administratively prohibited", said)
        said = await self.refused("-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22")
        self.assertIn("remote port forwarding failed", said)
        said_there = await self.ssh("env", options=["-A", "-X"])
        self.assertNotIn("SSH_AUTH_SOCK", said_there.output)
        self.assertNotIn("DISPLAY", said_there.output)

    async def test_ten_sessions(self) -> None:
        await self.open()
        clients = [self.begin("sandbox", "echo ready; cat") for _ in range(10)]
        for client in clients:
            await self.until(partial(getattr, client, "output"))
        said = await self.ssh("true", options=["-o", "LogLevel=INFO"])
        self.assertEqual(said.status, 255)
        self.assertIn("there are 10 sessions already", said.errors)
        self.reactor.clock.advance(5)
        for client in clients:
            client.transport.closeStdin()
            self.assertEqual(await client.done, 0)
        await self.until(lambda: self.shell.sessions == 0)
        self.assertEqual(self.shell.idle_since, 5)
        self.assertEqual(await self.said("echo in"), "in\n")

    async def test_a_client_that_answers_no_more(self) -> None:
        await self.open()
        client = self.begin("sandbox", "echo ready; cat")
        await self.until(lambda: client.output)
        for _ in range(5):
            self.reactor.clock.advance(30)
            self.assertEqual(await self.said("echo in"), "in\n")
        self.assertEqual(self.shell.sessions, 1)
        client.transport.signalProcess("STOP")
        self.reactor.clock.pump([30] * 4)
        await self.until(lambda: self.shell.sessions == 0)

    async def test_nothing_secret_is_logged(self) -> None:
        events: list[Any] = []
        observer: Any = events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        await self.open()
        await self.ssh("echo my-secret-word; cat", given=b"my-secret-word")
        written = repr(events)
        self.assertIn("logged in from", written)
        self.assertNotIn("my-secret-word", written)
        key = self.key.with_suffix(".pub").read_text().split()[1]
        self.assertNotIn(key, written + repr(self.place()))


class Ports(ShellTestCase):
    async def test_the_first_that_is_free(self) -> None:
        taken = (await self.open()).port
        with self.assertRaisesRegex(NoFreePort, f"{taken}.*in use"):
            await self.open(taken)

    async def test_the_same_port_and_host_again(self) -> None:
        port = (await self.open()).port
        await self.said("echo kept > /root/kept")
        await self.soon(self.shell.close())
        await self.open(port)
        self.assertEqual((self.shell.port, await self.said("cat /root/kept")), (port, "kept\n"))
