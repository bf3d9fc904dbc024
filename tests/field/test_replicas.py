"""Replicas behind one address: one set of calls, one image, whatever becomes of what they share."""

from __future__ import annotations

import base64
import os
import re
import secrets
from pathlib import Path
from signal import SIGKILL
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from demo.service import ServiceProcess
from tests.assisted_images.workers.service import ask
from tests.canaries import Canaries
from tests.engines.nginx import start_balancer
from tests.engines.redis_server import start_redis
from tests.field import clients
from tests.field.assisted_service import FreshlySigned
from tests.field.client_case import ClientTestCase
from tests.field.images import file_name, noisy_image, os_images
from tests.field.service import INFRA_ENV_ID, SECONDS

_RANGES = 3000
_CONNECTIONS = 12
_CREDENTIAL = f"api-key-{secrets.token_urlsafe(24)}"
_IMAGE = f"/images/{INFRA_ENV_ID}?version=1&type=full-iso&api_key={_CREDENTIAL}"

ALONE = 'configuration_cache_total{source="alone"}'


class ReplicasTestCase(ClientTestCase):
    """An assisted-service that never answers the same, a Redis, and a key."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.assisted_service = FreshlySigned()
        self.assisted_service.up()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.assisted_service.down()))
        self.redis = await start_redis(self)
        self.key_file = self.new_key()
        self.addCleanup(lambda: clients.close(self.connections))

    def new_key(self) -> Path:
        path = self.directory() / "key"
        path.write_bytes(base64.b64encode(secrets.token_bytes(32)) + b"\n")
        return path

    async def replica(self, **settings: str) -> ServiceProcess:
        """One with a volume of its own, whose image came at a time of its own."""
        data = self.directory()
        path = data / file_name("1")
        path.write_bytes(noisy_image())
        os.utime(path, (secrets.randbelow(10**9),) * 2)
        return await self.start(
            os_images({"version": "1", "url": "http://127.0.0.1:1/nobody"})
            | self.assisted_service.settings
            | {
                "DATA_DIR": str(data),
                "CONFIG_CACHE_URL": self.redis.url,
                "CONFIG_CACHE_KEY_FILE": str(self.key_file),
                "CONFIG_SHARE_SECONDS": "600",
            }
            | settings,
            local=False,
            healthy=True,
        )

    async def until_up(self, service: ServiceProcess, up: float = 1) -> None:
        await self.until_metric(service, "configuration_cache_up", up)

    def asking(self, service: clients.Listening) -> Deferred[tuple[str, str]]:
        """Ask for a range over a connection of its own: status and ETag."""
        connection = self.kept(clients.client(service, "http"))

        def read() -> tuple[str, str]:
            head, _ = ask(connection, _IMAGE, "Range: bytes=0-99")
            etag = re.findall(rb"(?i)\r\netag: ([^\r]*)", head)
            return head[9:12].decode(), b"".join(etag).decode()

        return deferToThread(read)

    async def until_asked(self, calls: int) -> None:
        await self.until(lambda: len(self.assisted_service.calls) >= calls)

    def said(self, service: ServiceProcess, text: str) -> int:
        """In how many lines of its log a text stands."""
        return sum(text in str(event.get("message")) for event in service.events)

    async def until_said(self, service: ServiceProcess, text: str) -> None:
        await service.wait_for(lambda: self.said(service, text) > 0, f"say {text}", SECONDS)


class BalancedTests(ReplicasTestCase):
    """Three of them, one with two workers, behind nginx, which asks them in turn."""

    async def test_one_image(self) -> None:
        """
        Thousands of ranges make the one image that their one ETag names, of one set of calls;
        halfway Redis is killed, and comes back.  Where this machine is so busy that Redis is late,
        a replica calls, too, and agrees all the same.
        """
        replicas = [await self.replica(), await self.replica(), await self.replica(WORKERS="2")]
        for one in replicas:
            await self.until_up(one)
        balancer = start_balancer(self, [one.ports["http"] for one in replicas])
        connections = [self.kept(clients.client(balancer, "http")) for _ in range(_CONNECTIONS)]
        length = len(noisy_image())
        step = -(-length // _RANGES)
        starts = range(0, length, step)
        parts: dict[int, bytes] = {}
        etags: set[bytes] = set()

        def read(connection: Any, some: range) -> None:
            for start in some:
                last = min(start + step, length) - 1
                head, body = ask(connection, _IMAGE, f"Range: bytes={start}-{last}")
                assert head.startswith(b"HTTP/1.1 206 "), head
                etags.add(re.findall(rb"(?i)\r\netag: ([^\r]*)", head)[0])
                parts[start] = body

        def all_of(some: range) -> Deferred[Any]:
            return gatherResults(
                [
                    deferToThread(read, connection, some[index :: len(connections)])
                    for index, connection in enumerate(connections)
                ]
            )

        half = len(starts) // 2
        await all_of(starts[:half])
        self.assert_holds_no_secret(await self.redis.dump())
        second = all_of(starts[half:])
        await self.until(lambda: len(parts) > half + 100)
        await self.redis.kill()
        await second
        self.assertEqual(len(etags), 1)
        calls = len(self.assisted_service.calls)
        image = b"".join(parts[start] for start in starts)
        _, whole = await deferToThread(ask, connections[0], _IMAGE)
        self.assertEqual(image, whole)
        different = sum(image[at : at + step] != noisy_image()[at : at + step] for at in starts)
        self.assertLess(different, 40)
        for one in replicas:
            await self.until_up(one, 0)
            self.assertEqual(self.said(one, "is away"), 1)
        await self.assert_same_from_all(replicas, whole)
        await self.redis.start()
        for one in replicas:
            await self.until_up(one)
            self.assertEqual((self.said(one, "is away"), self.said(one, "is there")), (1, 2))
        asked = [await self.metrics(one) for one in replicas]
        late = sum(one.get(ALONE, 0) for one in asked)
        self.assertLessEqual(calls, 3 + 2 * late)
        unshared = 'configuration_requests_total{shared="false"}'
        self.assertLessEqual(sum(one[unshared] for one in asked), 1 + late)

    async def assert_same_from_all(self, replicas: list[ServiceProcess], whole: bytes) -> None:
        """The same image, and the same boot artifact, whose files have other dates in each."""
        for path, body in (
            (_IMAGE, whole),
            ("/boot-artifacts/rootfs?version=1", None),
        ):
            got = [await self.get(one, path) for one in replicas]
            self.assertEqual(len({one.header("etag") for one in got}), 1, path)
            self.assertEqual({one.body for one in got}, {body or got[0].body})

    def assert_holds_no_secret(self, dump: bytes) -> None:
        """No Ignition config, no credential, no key, nor whose configuration it is."""
        self.assertIn(b"assisted-images:", dump)
        key = self.key_file.read_text().strip()
        canaries = Canaries(_CREDENTIAL, key, INFRA_ENV_ID, '{"ignition": {"version"', "made for")
        self.assertEqual(canaries.found_in([dump.decode("latin-1")]), [])
        self.assertNotIn(b"ignition", dump)
        self.assertNotIn(base64.b64decode(key), dump)


class TroubleTests(ReplicasTestCase):
    """One of them, or what they share, is not as it should be: nobody gets less for that."""

    async def test_owner_of_the_lease_is_killed(self) -> None:
        """Another takes over what it was fetching."""
        first, second = await self.replica(), await self.replica()
        self.assisted_service.hold = True
        lost = self.asking(first)
        lost.addErrback(lambda failure: failure.trap(ConnectionError))
        await self.until_asked(2)
        waiting = self.asking(second)
        await self.until_waits()
        self.assertEqual(await first.stop(SECONDS, "KILL"), -SIGKILL)
        await lost
        await self.until_asked(4)
        self.assisted_service.release()
        self.assertEqual((await waiting)[0], "206")
        self.assertEqual(
            (await self.metrics(second))['configuration_cache_total{source="fetched"}'], 1
        )

    async def until_waits(self) -> None:
        """Until a second replica has looked at what a first is at work on."""

        async def looks() -> bool:
            found = await self.redis.command("INFO", "commandstats")
            [evals] = re.findall(r"cmdstat_eval:calls=(\d+)", found)
            # Two greetings, the look of the first, and several of the second.
            return int(evals) > 6

        await self.until(lambda: Deferred.fromCoroutine(looks()))

    async def test_another_key(self) -> None:
        """Then they share nothing, neither fails, and it is said."""
        one = await self.replica()
        await self.until_up(one)
        other = await self.replica(CONFIG_CACHE_KEY_FILE=str(self.new_key()))
        await self.until_said(other, "with another key")
        answers = [await self.asking(service) for service in (one, other, one, other)]
        self.assertEqual({status for status, _ in answers}, {"206"})
        self.assertEqual(answers[0], answers[2])
        self.assertNotEqual(answers[0], answers[1])
        self.assertEqual(len(self.assisted_service.calls), 4)

    async def test_frozen(self) -> None:
        """A Redis that has stopped answering is done without, and used again when it answers."""
        one, other = await self.replica(), await self.replica()
        await self.until_up(one)
        self.redis.freeze()
        self.assertEqual((await self.asking(one))[0], "206")
        self.assertEqual((await self.metrics(one))[ALONE], 1)
        await self.until_up(one, 0)
        self.redis.thaw()
        await self.until_up(one)
        await self.until_up(other)
        self.assertEqual(self.said(one, "is away"), 1)
        self.assertEqual((await self.asking(other))[0], "206")
