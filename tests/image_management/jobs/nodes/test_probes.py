"""Asking nodes: OpenSSH's servers, some of them good, each in its own way."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from twisted.conch.ssh.keys import Key
from twisted.internet.defer import CancelledError, Deferred, DeferredQueue
from twisted.internet.interfaces import IDelayedCall, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock

from httpd.concurrency.threads import run_at_once
from image_management.jobs.nodes.host_keys import HostKeys, KeysOfFile, KeysOfFirstUse
from image_management.jobs.nodes.probes import NodeProbes
from image_management.jobs.nodes.status import LOGGED_IN, NodeStatus
from image_management.records.kinds import Kind
from image_management.store.errors import StoreUnavailable
from image_management.store.store import Store
from tests.engines.sshd import USER, Sshd, make_key, start_sshd
from tests.image_management.jobs.nodes.machine import start_node
from tests.image_management.jobs.nodes.test_client import Server, serve
from tests.image_management.store.case import OnSqlite, StoreCase, node

GOOD = NodeStatus("", LOGGED_IN, "x86_64", "/usr/bin/podman", 0)


class NodesCase(OnSqlite, StoreCase):
    """Nodes, and one who asks them, whose time stands still."""

    key: Path
    store: Store

    async def prepare(self, host_keys: HostKeys | None = None) -> NodeProbes:
        """Who asks; by default nodes are known by their first use."""
        self.key = await make_key(self)
        self.store = self.open_store()
        self.endpoints: dict[str, IStreamClientEndpoint] = {}
        self.clock: Clock = Clock()
        return self.probes(host_keys or KeysOfFirstUse(self.store))

    def probes(self, host_keys: HostKeys, key: Path | None = None) -> NodeProbes:
        """Somebody else who asks them."""
        probes = NodeProbes(
            self.endpoints.__getitem__,
            key or self.key,
            host_keys,
            self.clock,
            run_at_once,
            user=USER,
        )
        probes.startService()
        self.addCleanup(probes.stopService)
        return probes

    async def add(self, xname: str, endpoint: IStreamClientEndpoint) -> None:
        """A node that somebody has told us of."""
        await self.store.add(node(xname))
        self.endpoints[xname] = endpoint


class ManyNodesTests(NodesCase):
    """All kinds of them at the same time."""

    async def test_each_in_its_own_way(self) -> None:
        """One that says nothing keeps no other waiting, and has 5 s."""
        probes = await self.prepare()
        stranger = await make_key(self)
        for xname, server in {
            "able": await start_node(self, self.key, jobs=2),
            "arm": await start_node(self, self.key, arch="aarch64"),
            "mainframe": await start_node(self, self.key, arch="s390x"),
            "no-podman": await start_node(self, self.key, podman=None),
            "other-podman": await start_node(self, self.key, podman="bin/podman"),
            "not-ours": await start_node(self, stranger),
            "changed": await start_node(self, self.key),
            "away": (away := await start_node(self, self.key)),
        }.items():
            await self.add(xname, server.endpoint)
        await away.stop()
        await self.store.keep_host_key("changed", Path(f"{stranger}.pub").read_text())
        await self.add("silent", serve(self, Server()))
        no_podman = replace(GOOD, jobs=-1)
        expected = {
            "able": replace(GOOD, jobs=2),
            "arm": replace(GOOD, arch="aarch64"),
            "mainframe": NodeStatus("", LOGGED_IN, "'s390x'; expected x86_64 or aarch64"),
            "no-podman": replace(no_podman, podman="podman is not there; expected /usr/bin/podman"),
            "other-podman": replace(
                no_podman, podman="podman is '/bin/podman'; expected /usr/bin/podman"
            ),
            "not-ours": NodeStatus("", f"it does not let {USER} log in with the key"),
            "away": NodeStatus("", "connection refused"),
        }
        asked = Deferred.fromCoroutine(probes.all_of(self.endpoints))
        for xname, status in expected.items():
            self.assertEqual(await probes.of(xname), replace(status, xname=xname))
        changed = await probes.of("changed")
        self.assertRegex(changed.ssh, "^its host key SHA256:[^ ]+ is none that is known$")
        self.assertEqual(changed, NodeStatus("changed", changed.ssh))
        self.assertNoResult(asked)
        self.clock.advance(5)
        statuses = {status.xname: status for status in await asked}
        self.assertEqual([*statuses], [*self.endpoints])
        self.assertEqual(statuses["silent"], NodeStatus("silent", "no answer within 5 s"))
        able = [status.xname for status in statuses.values() if status.able]
        self.assertEqual(able, ["able", "arm"])


class HostKeyTests(NodesCase):
    """How nodes are known."""

    async def test_first_use(self) -> None:
        """What was met first counts, after a restart too, until the node is added anew."""
        probes = await self.prepare()
        server = await start_node(self, self.key)
        await self.add("x1", server.endpoint)
        self.assertTrue((await probes.of("x1")).able)
        await self.change_host_key(server)
        self.assertTrue((await probes.of("x1")).able, "it was asked a moment ago")
        self.clock.advance(5)
        self.assertIn("host key", (await probes.of("x1")).ssh)
        await self.close(self.store)
        self.store = self.open_store()
        probes = self.probes(KeysOfFirstUse(self.store))
        self.assertIn("host key", (await probes.of("x1")).ssh)
        await self.store.remove(Kind.REMOTE_BUILD_NODE, "x1")
        await self.store.add(node("x1"))
        self.clock.advance(5)
        self.assertTrue((await probes.of("x1")).able)

    async def test_met_by_two(self) -> None:
        """Of two replicas that meet different ones, the second notices."""
        await self.prepare()
        server = await start_node(self, self.key)
        await self.add("x1", server.endpoint)
        other = Path(f"{await make_key(self)}.pub").read_text()
        first_use = KeysOfFirstUse(self.store)

        class Slow(KeysOfFirstUse):
            async def met(self, xname: str, key: Key) -> None:
                await first_use.met(xname, Key.fromString(other))
                await first_use.met(xname, key)

        status = await self.probes(Slow(self.store)).of("x1")
        self.assertEqual(status, NodeStatus("x1", "its host key is another one than a moment ago"))

    async def test_removed_meanwhile(self) -> None:
        """Nothing is kept of a node that is not there."""
        probes = await self.prepare()
        self.endpoints["x1"] = (await start_node(self, self.key)).endpoint
        self.assertTrue((await probes.of("x1")).able)
        await self.store.add(node("x1"))
        self.assertIsNone(await self.store.host_key("x1"))

    async def test_file(self) -> None:
        """Only nodes in the file are logged in to, which is read each time."""
        file = Path(self.mktemp()).resolve()
        probes = await self.prepare(KeysOfFile(file, run_at_once))
        server = await start_node(self, self.key)
        await self.add("x1", server.endpoint)
        for text, said in (
            (None, "^IMS_REMOTE_KNOWN_HOSTS: .*: No such file or directory$"),
            ("", "^its host key is not known: .* has no line for x1$"),
            (server.known_hosts("x2"), "has no line for x1$"),
            (server.known_hosts("x1"), f"^{LOGGED_IN}$"),
        ):
            if text is not None:
                file.write_text(text)
            self.assertRegex((await probes.of("x1")).ssh, said)
            self.clock.advance(5)
        await self.change_host_key(server)
        self.assertRegex((await probes.of("x1")).ssh, "is none that is known$")
        self.assertIsNone(await self.store.host_key("x1"))

    async def change_host_key(self, server: Sshd) -> None:
        """As a new installation does."""
        await server.stop()
        server.host_keys = [await make_key(self, "ed25519")]
        await server.start()


class KeyTests(NodesCase):
    """What one logs in with."""

    async def test_no_key(self) -> None:
        await self.prepare()
        await self.add("x1", (await start_node(self, self.key)).endpoint)
        nothing = Path(self.mktemp()).resolve()
        empty, odd, cut = (Path(self.mktemp()).resolve() for _ in range(3))
        empty.touch()
        odd.write_text("no key")
        cut.write_bytes(self.key.read_bytes()[:-100])
        no_key = "is no private key of SSH without a passphrase$"
        for path, said in (
            (nothing, f"^there is no key to log in with: .*: {nothing}: No such file"),
            *((path, no_key) for path in (empty, odd, cut)),
            (self.key.with_suffix(".pub"), no_key),
            (await make_key(self, passphrase="opensesame"), no_key),
        ):
            status = await self.probes(KeysOfFirstUse(self.store), path).of("x1")
            self.assertRegex(status.ssh, said)
            self.assertIn("IMS_REMOTE_KEY_FILE", status.ssh)
            self.assertEqual(status, NodeStatus("x1", status.ssh))


class Noticing(Clock):
    """A clock that tells for how long somebody begins to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: DeferredQueue[float] = DeferredQueue()

    def callLater(self, delay: float, *call: Any, **kwargs: Any) -> IDelayedCall:  # noqa: N802
        later = super().callLater(delay, *call, **kwargs)
        self.waits.put(delay)
        return later


class HangingTests(NodesCase):
    """Nodes that log one in, and then do not answer, or not everything."""

    async def test_hangs(self) -> None:
        """They have 10 s for all that they are asked."""
        await self.prepare()
        self.clock = clock = Noticing()
        # It ends once nobody listens.
        hangs = "while sleep 1; do echo; done"
        command = f'[ "$SSH_ORIGINAL_COMMAND" = "uname -m" ] && echo x86_64 || {hangs}'
        server = await start_sshd(self, self.key, command=command)
        await self.add("x1", server.endpoint)
        asked = Deferred.fromCoroutine(self.probes(KeysOfFirstUse(self.store)).of("x1"))
        self.assertEqual(await clock.waits.get(), 5, "to log in")
        self.assertEqual(await clock.waits.get(), 10, "for uname")
        clock.advance(6)
        self.assertEqual(await clock.waits.get(), 4, "for podman")
        self.assertNoResult(asked)
        clock.advance(4)
        self.assertEqual(
            await asked, NodeStatus("x1", LOGGED_IN, "x86_64", "no answer within 10 s")
        )


class UnansweringEndpoint:
    """An address that neither answers nor refuses."""

    def __init__(self) -> None:
        self.tried = 0
        self.left = 0

    def connect(self, factory: Factory) -> Deferred[object]:
        self.tried += 1
        return Deferred(self._leave)

    def _leave(self, _: Deferred[object]) -> None:
        self.left += 1


class SharingTests(NodesCase):
    """Several who ask, and many nodes."""

    async def begin(self, count: int = 1) -> tuple[NodeProbes, UnansweringEndpoint]:
        """Who asks, and the address of nodes."""
        probes = await self.prepare(NoKeys())
        endpoint = UnansweringEndpoint()
        self.endpoints.update({f"x{number}": cast(Any, endpoint) for number in range(count)})
        return probes, endpoint

    async def test_shared(self) -> None:
        """Whoever asks while a node is asked, or within 5 s, gets the same answer."""
        probes, endpoint = await self.begin()
        asked = [Deferred.fromCoroutine(probes.of("x0")) for _ in range(3)]
        self.clock.advance(5)
        answers = [self.successResultOf(one) for one in asked]
        self.clock.advance(4)
        answers.append(await probes.of("x0"))
        self.assertEqual(answers, [NodeStatus("x0", "no answer within 5 s")] * 4)
        self.assertEqual(endpoint.tried, 1)
        self.clock.advance(1)
        again = Deferred.fromCoroutine(probes.of("x0"))
        self.assertEqual(endpoint.tried, 2)
        self.clock.advance(5)
        self.successResultOf(again)

    async def test_one_leaves(self) -> None:
        """The others get their answer."""
        probes, endpoint = await self.begin()
        first, second = (Deferred.fromCoroutine(probes.of("x0")) for _ in range(2))
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(endpoint.left, 0)
        self.clock.advance(5)
        self.assertEqual(self.successResultOf(second).xname, "x0")

    async def test_many(self) -> None:
        """20 at a time, and each has its own 5 s."""
        probes, endpoint = await self.begin(45)
        asked = Deferred.fromCoroutine(probes.all_of(self.endpoints))
        for tried in (20, 40, 45):
            self.assertEqual(endpoint.tried, tried)
            self.assertNoResult(asked)
            self.clock.advance(5)
        statuses = self.successResultOf(asked)
        self.assertEqual([status.xname for status in statuses], [*self.endpoints])
        self.assertEqual({status.ssh for status in statuses}, {"no answer within 5 s"})

    async def test_in_time(self) -> None:
        """Whoever cannot wait hears of those that have answered."""
        probes, endpoint = await self.begin(25)
        asked = Deferred.fromCoroutine(probes.all_of(self.endpoints, 7))
        self.clock.advance(5)
        self.clock.advance(2)
        statuses = self.successResultOf(asked)
        self.assertEqual([status.xname for status in statuses], [*self.endpoints])
        said = Counter(status.ssh for status in statuses)
        self.assertEqual(said, {"no answer within 5 s": 20, "no answer within 7 s": 5})
        self.assertEqual((endpoint.tried, endpoint.left), (25, 20), "the rest is asked still")

    async def test_stopped(self) -> None:
        """Nothing goes on, and nobody waits for ever."""
        probes, endpoint = await self.begin(25)
        asked = [Deferred.fromCoroutine(probes.of(xname)) for xname in self.endpoints]
        probes.stopService()
        for one in asked:
            self.failureResultOf(one, CancelledError)
        self.assertEqual((endpoint.tried, endpoint.left), (20, 20))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_store_is_away(self) -> None:
        """Then nobody knows whether a node is the one that it was; all who ask are told."""
        probes, endpoint = await self.begin()
        probes = self.probes(NoKeys(StoreUnavailable("the store is away")))
        for _ in range(2):
            asked = Deferred.fromCoroutine(probes.all_of(["x0", "x0"]))
            self.failureResultOf(asked, StoreUnavailable)
        self.assertEqual(endpoint.tried, 0)


class NoKeys:
    """Nobody knows any; or nobody knows whether."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def known(self, xname: str) -> list[Key]:
        if self._error is not None:
            raise self._error
        return []

    async def met(self, xname: str, key: Key) -> None:
        raise AssertionError(xname)
