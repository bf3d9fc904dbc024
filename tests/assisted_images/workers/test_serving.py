"""Several workers answer as one would."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from tests.assisted_images.workers.service import (
    WORKERS,
    WorkersTestCase,
    ask,
    environment_of,
    secondaries,
    who_answered,
)
from tests.canaries import canaries_of
from tests.certificates import identity
from tests.field import clients
from tests.field.assisted_service import FreshlySigned
from tests.field.images import noisy_image
from tests.field.service import INFRA_ENV_ID

_RANGES = 3000
_CONNECTIONS = 24


class ServingTests(WorkersTestCase):
    async def test_same_bytes_from_all(self) -> None:
        """Whatever is asked for, of whichever worker: one ETag, the same bytes, the same status."""
        service = await self.workers()
        connections = await self.opened(service, "http", 3 * WORKERS)
        for path in (
            self.full_iso(),
            self.full_iso().replace("full.iso", "minimal.iso"),
            f"/images/{INFRA_ENV_ID}/pxe-initrd?version=1",
            "/boot-artifacts/rootfs?version=1",
            "/status",
        ):
            answers = [await deferToThread(ask, one, path) for one in connections]
            heads = [
                re.sub(rb"\r\nDate: [^\r]*", b"", head, flags=re.IGNORECASE) for head, _ in answers
            ]
            self.assertEqual(len(set(heads)), 1, heads)
            self.assertTrue(heads[0].startswith(b"HTTP/1.1 200 "), heads[0])
            self.assertEqual(len({body for _, body in answers}), 1)
        self.assertEqual(set(who_answered(service)), set(range(WORKERS)))

    async def test_connections_are_shared_evenly(self) -> None:
        """Each worker gets about as many as the others, however quickly or slowly they come."""
        service = await self.workers()
        connections = await self.opened(service, "http", 4 * WORKERS)
        for _ in range(4 * WORKERS):
            connections += await self.opened(service, "http", 1)
        for one in connections:
            await deferToThread(ask, one, self.full_iso(), "Range: bytes=0-9")
        await self.until(lambda: who_answered(service).total() == 8 * WORKERS)
        counts = who_answered(service)
        # Not to the last one: a worker that is not let run for a while does not hold up the others.
        self.assertEqual(len(counts), WORKERS)
        self.assertGreaterEqual(min(counts.values()), 4, counts)

    async def test_one_etag_for_thousands_of_ranges(self) -> None:
        """
        A BMC whose connections spread over all workers gets ranges of one image, made of one set
        of calls, although assisted-service answers anew each time; another's credential does not
        share it.
        """
        assisted_service = FreshlySigned()
        assisted_service.up()
        self.addCleanup(lambda: Deferred.fromCoroutine(assisted_service.down()))
        service = await self.workers(
            INFRA_ENVS_DIR="", CONFIG_SHARE_SECONDS="600", **assisted_service.settings
        )
        image = f"/images/{INFRA_ENV_ID}?version=1&type=full-iso&api_key="
        connections = await self.opened(service, "http", _CONNECTIONS)
        share = _RANGES // _CONNECTIONS
        etags: set[bytes] = set()

        def read(index: int) -> None:
            for number in range(share):
                start = (index * share + number) * 8192
                head, _ = ask(
                    connections[index], f"{image}one", f"Range: bytes={start}-{start + 99}"
                )
                assert head.startswith(b"HTTP/1.1 206 "), head
                etags.add(re.findall(rb"(?i)\r\netag: ([^\r]*)", head)[0])

        await gatherResults([deferToThread(read, index) for index in range(_CONNECTIONS)])
        [etag] = etags
        self.assertLessEqual(len(assisted_service.calls), 3)
        self.assertEqual(len(who_answered(service, "/images/:imageID")), WORKERS)
        metrics = await self.metrics(service)
        self.assertEqual(metrics['configuration_requests_total{shared="false"}'], 1)
        self.assertEqual(metrics['configuration_requests_total{shared="true"}'], _RANGES - 1)
        calls = len(assisted_service.calls)
        for one in connections:
            head, _ = await deferToThread(ask, one, f"{image}two", "Range: bytes=0-9")
            self.assertNotIn(etag, head)
        self.assertEqual(len(assisted_service.calls), 2 * calls)

    async def test_errors_of_assisted_service(self) -> None:
        """Its refusals come through from every worker, with status and text, and are not kept."""
        assisted_service = FreshlySigned()
        assisted_service.up()
        await assisted_service.down()
        service = await self.workers(INFRA_ENVS_DIR="", **assisted_service.settings)
        connections = await self.opened(service, "http", WORKERS)
        answers = [await deferToThread(ask, one, self.full_iso()) for one in connections]
        self.assertEqual({head[:13] for head, _ in answers}, {b"HTTP/1.1 502 "})
        self.assertTrue(all(b"assisted-service" in body for _, body in answers), answers)
        assisted_service.up()
        self.addCleanup(lambda: Deferred.fromCoroutine(assisted_service.down()))
        for one in connections:
            head, _ = await deferToThread(ask, one, self.full_iso())
            self.assertTrue(head.startswith(b"HTTP/1.1 200 "), head)

    async def test_cap_over_all(self) -> None:
        """No more downloads than the cap at once, in all workers; each gets its turn."""
        service = await self.workers(MAX_CONCURRENT_REQUESTS="2")
        downloads = [
            self.kept(clients.stalled(service, "http", self.full_iso())) for _ in range(4 * WORKERS)
        ]
        await self.until_metric(service, "downloads_waiting", len(downloads) - 2)
        self.assertEqual((await self.metrics(service))["downloads_in_flight"], 2)
        status = json.loads((await self.get(service, "/status")).body)
        self.assertEqual(status["downloads"], {"in_flight": 2, "waiting": len(downloads) - 2})
        bodies = [deferToThread(whole, one) for one in downloads]
        for body in bodies:
            self.assertEqual(await body, len(noisy_image()))
        await self.until_metric(service, "downloads_in_flight", 0)
        self.assertEqual((await self.metrics(service))["downloads_waiting"], 0)
        self.assertEqual(set(who_answered(service)), set(range(WORKERS)))

    async def test_metrics_are_sums(self) -> None:
        """C{/metrics} of any worker counts what all have done."""
        service = await self.workers()
        connections = await self.opened(service, "http", 3 * WORKERS)
        for one in connections:
            await deferToThread(ask, one, self.full_iso(), "Range: bytes=0-9")
        for one in connections:
            _, body = await deferToThread(ask, one, "/metrics")
            [count] = re.findall(rb'size_bytes_count\{code="206",[^}]*\} (\S+)', body)
            self.assertEqual(float(count), len(connections))
            [opened] = re.findall(rb"(?m)^assisted_image_service_connections (\S+)$", body)
            self.assertEqual(float(opened), len(connections))
            self.assertEqual(body.count(b'state="ready"'), 1)
            told = dict(re.findall(rb"(?m)^(process_\w+|\w+_disk_size_bytes\S*) (\S+)$", body))
            processes = [service.pid, *secondaries(service)]
            files = sum(len([*Path(f"/proc/{pid}/fd").iterdir()]) for pid in processes)
            # What they open to look is counted, too; each has some twenty.
            self.assertLess(abs(float(told[b"process_open_fds"]) - files), 10)
            size = told[b'assisted_image_service_disk_size_bytes{directory="DATA_DIR"}']
            self.assertGreater(float(size), 0)
            self.assertLess(float(told[b"process_start_time_seconds"]), time.time())

    async def test_renewed_certificate(self) -> None:
        """Every worker takes it."""
        service = await self.workers()
        environment = environment_of(service.pid)
        new = identity("localhost")
        Path(environment["HTTPS_KEY_FILE"]).write_bytes(new.key_pem())
        Path(environment["HTTPS_CERT_FILE"]).write_bytes(new.certificate_pem)
        await service.wait_for(
            lambda: (
                len({e["worker"] for e in service.events if "new connections get" in e["message"]})
                == WORKERS
            ),
            "renew its certificate",
            60,
        )
        shown = {
            clients.client(service, "https").getpeercert(binary_form=True)  # type: ignore[attr-defined]
            for _ in range(3 * WORKERS)
        }
        self.assertEqual(len(shown), 1)

    async def test_nothing_secret_in_the_process_table(self) -> None:
        """Command lines and environments of the others hold nothing of the settings."""
        secret = "swordfish-swordfish-swordfish"
        headers = json.dumps({"Authorization": secret})
        service = await self.workers(OS_IMAGES_REQUEST_HEADERS=headers)
        for pid in secondaries(service):
            for name in ("cmdline", "environ"):
                content = Path(f"/proc/{pid}/{name}").read_text()
                found = canaries_of(environment_of(service.pid)).found_in([content])
                self.assertEqual(found, [])
                self.assertNotIn(secret, content)
            self.assertNotIn("OS_IMAGES", Path(f"/proc/{pid}/environ").read_text())

    async def test_log_is_whole_lines(self) -> None:
        """Lines of all workers, under load, none cut or mixed, each with its worker."""
        service = await self.workers()
        connections = await self.opened(service, "http", 4 * WORKERS)
        agent = "x" * 3000

        def load(index: int) -> None:
            for _ in range(100):
                ask(connections[index], "/nothing", f"User-Agent: {agent}")

        await gatherResults([deferToThread(load, index) for index in range(len(connections))])
        for one in connections:
            await deferToThread(ask, one, "/live")
        lines = [line for line in service.lines if line]
        events = [json.loads(line) for line in lines]
        self.assertTrue(all("worker" in event for event in events))
        asked = [event for event in events if event.get("user_agent", "").startswith("x")]
        self.assertEqual(len(asked), 100 * len(connections))


def whole(connection: object) -> int:
    """Bytes of a download's body; blocking."""
    head = clients.head_of(connection)  # type: ignore[arg-type]
    return len(clients.rest_of(connection, head))  # type: ignore[arg-type]
