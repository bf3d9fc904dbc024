"""Running commands by SSH, on OpenSSH's servers, and on what is none."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from twisted.conch.ssh.keys import Key
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from image_management.jobs.nodes.client import HostKeyRefused, Login, log_in
from image_management.jobs.nodes.commands import SshError
from tests.engines.sshd import USER, Sshd, make_key, start_sshd
from tests.httpd.outbound.servers import trial_reactor

BAD_TEXTS = {
    b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(5000): "version string longer",
    b"SSH-1.5-old\r\n": "bad version",
    b"SSH-2.0-x\r\n\xff\xff\xff\xff" + bytes(100): "bad packet length",
    b"SSH-2.0-x\r\n\0\0\0\x0c\x0a\x14" + bytes(10): "no SSH",
}
"""What a server may say that is no SSH, and what is said of it."""


class LoginCase(TestCase):
    """Logs in by a key."""

    key: Path

    async def setUp(self) -> None:  # type: ignore[override]
        self.key = await make_key(self)

    async def log_in(
        self, server: Sshd, known: Collection[Key] = (), key: Path | None = None
    ) -> Login:
        """Log in; the test's end ends it."""
        private = Key.fromFile(str(key or self.key))
        login = await log_in(server.endpoint, USER, private, known)
        self.addCleanup(login.close)
        return login


class ClientTests(LoginCase):
    """On OpenSSH."""

    async def test_commands(self) -> None:
        """Several, one after the other and side by side, on one connection."""
        login = await self.log_in(await start_sshd(self, self.key))
        one = await login.run("echo out; echo err >&2; exit 3")
        self.assertEqual((one.status, one.output, one.errors), (3, b"out\n", b"err\n"))
        nothing = await login.run("cat")
        self.assertEqual((nothing.status, nothing.output), (0, b""))
        killed = await login.run("kill -KILL $$")
        self.assertEqual(killed.status, None)
        slow = Deferred.fromCoroutine(login.run("echo slow"))
        fast = await login.run("echo fast")
        self.assertEqual(((await slow).output, fast.output), (b"slow\n", b"fast\n"))

    async def test_keys(self) -> None:
        """Of every kind: RSA by SHA-2, as OpenSSH takes no SHA-1."""
        for kind in ("ed25519", "ecdsa", "rsa"):
            key = await make_key(self, kind)
            login = await self.log_in(await start_sshd(self, key, kinds=[kind]), key=key)
            self.assertEqual((await login.run("echo in")).output, b"in\n", kind)

    async def test_not_let_in(self) -> None:
        server = await start_sshd(self, await make_key(self))
        with self.assertRaisesRegex(SshError, f"does not let {USER} log in with the key"):
            await self.log_in(server)

    async def test_known(self) -> None:
        """A host of several keys proves that it has the one that is known."""
        server = await start_sshd(self, self.key, kinds=["ed25519", "ecdsa", "rsa"])
        for key in server.public_host_keys:
            self.assertEqual((await self.log_in(server, [key])).host_key, key)

    async def test_another_host(self) -> None:
        server = await start_sshd(self, self.key)
        for kind in ("ed25519", "rsa"):
            other = Key.fromFile(str(await make_key(self, kind))).public()
            with self.assertRaisesRegex(HostKeyRefused, "its host key SHA256:.* is none"):
                await self.log_in(server, [other])

    async def test_too_much(self) -> None:
        login = await self.log_in(await start_sshd(self, self.key))
        with self.assertRaisesRegex(SshError, "more than 256 KiB"):
            await login.run("while echo y; do :; done")

    async def test_broken(self) -> None:
        """The connection breaks while a command runs."""
        login = await self.log_in(await start_sshd(self, self.key))
        with self.assertRaisesRegex(SshError, "broke"):
            await login.run("kill -KILL $PPID")
        with self.assertRaisesRegex(SshError, "broke"):
            await login.run("echo again")

    async def test_left(self) -> None:
        login = await self.log_in(await start_sshd(self, self.key))
        running = Deferred.fromCoroutine(login.run("cat"))
        login.close()
        await self.assertFailure(running, SshError)


class Saying(Protocol):
    """A server that says one thing, and then waits."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self.server.text)
        if self.server.leaves:
            self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        if not self.server.met.called:
            self.server.met.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.server.left.callback(None)


class Server(Factory):
    """One of those, for one client."""

    def __init__(self, text: bytes = b"", *, leaves: bool = False) -> None:
        self.text = text
        self.leaves = leaves
        self.met: Deferred[None] = Deferred()
        self.left: Deferred[None] = Deferred()

    def buildProtocol(self, addr: IAddress | None) -> Saying:
        return Saying(self)


def serve(test: TestCase, server: Server) -> TCP4ClientEndpoint:
    """Have it listen, until the test ends."""
    listening = trial_reactor().listenTCP(0, server, interface="127.0.0.1")
    test.addCleanup(listening.stopListening)
    return TCP4ClientEndpoint(trial_reactor(), "127.0.0.1", listening.getHost().port)


class NoServerTests(LoginCase):
    """On what is no server of SSH."""

    async def test_bad_texts(self) -> None:
        for text, said in BAD_TEXTS.items():
            server = Server(text)
            endpoint = serve(self, server)
            with self.assertRaisesRegex(SshError, said):
                await log_in(endpoint, USER, Key.fromFile(str(self.key)))
            await server.left

    async def test_leaves(self) -> None:
        server = Server(leaves=True)
        with self.assertRaisesRegex(SshError, "closed the connection"):
            await log_in(serve(self, server), USER, Key.fromFile(str(self.key)))

    async def test_refused(self) -> None:
        server = await start_sshd(self, self.key)
        await server.stop()
        with self.assertRaisesRegex(SshError, "connection refused"):
            await self.log_in(server)

    async def test_given_up(self) -> None:
        """Whoever waits for a server that says nothing may leave, and it is left."""
        server = Server()
        waiting = Deferred.fromCoroutine(
            log_in(serve(self, server), USER, Key.fromFile(str(self.key)))
        )
        await server.met
        waiting.cancel()
        await self.assertFailure(waiting, CancelledError)
        await server.left
