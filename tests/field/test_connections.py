"""Clients that hold on to their connections, and the good clients among them."""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from demo.service import ServiceProcess
from tests.field import clients
from tests.field.client_case import ClientTestCase
from tests.field.images import noisy_image

_MIB = 1 << 20


class ConnectionTests(ClientTestCase):
    """Connections that are no downloads."""

    async def test_clients_that_take_their_time(self) -> None:
        """
        A byte now and then, half a TLS handshake, a gigabyte nobody wants, no close_notify: each
        is cut in its time, and good clients are served meanwhile.
        """
        service = await self.serve_image(HEADER_SECONDS="2")
        before = clients.memory(service)
        slow = self.slow_clients(service)
        gigabytes = [
            deferToThread(self.send_gigabyte, service, scheme) for scheme in ("http", "https")
        ]
        started = time.monotonic()
        cut: dict[str, float] = {}
        served = 0
        dripping = [one for name, some in slow.items() if "byte" in name for one in some]
        while len(cut) < len(slow):
            for connection in dripping:
                drip(connection)
            self.assertEqual((await self.get(service, self.full_iso())).status, 200)
            served += 1
            for name in slow.keys() - cut.keys():
                if all(map(clients.is_cut, slow[name])):
                    cut[name] = time.monotonic() - started
        taken = [await one for one in gigabytes]
        grown = service.peak_memory - before
        print(
            f"{served} whole images served meanwhile; cut after"
            f" {', '.join(f'{seconds:.1f} s: {name}' for name, seconds in cut.items())};"
            f" of 1 GB {taken[0] / _MIB:.1f} MiB taken, over TLS {taken[1] / _MIB:.1f} MiB;"
            f" {grown / _MIB:.0f} MiB more memory at most"
        )
        self.assertLess(max(taken), 64 * _MIB)
        self.assertLess(grown, 128 * _MIB)
        await self.until_metric(service, "connections", 1)

    def slow_clients(self, service: ServiceProcess) -> dict[str, list[socket.socket]]:
        """Clients of each kind, who have sent what they send at once."""

        def many(count: int, scheme: str, sent: bytes = b"", tls: bool = True) -> list[Any]:
            come = clients.client if tls else clients.connect
            connections = [self.kept(come(service, scheme)) for _ in range(count)]
            for connection in connections:
                connection.sendall(sent)
            return connections

        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # begins a ClientHello
        post = b"POST /live HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n"
        return {
            "a byte at a time": many(100, "http"),
            "a byte at a time, TLS": many(50, "https"),
            "a body by bytes": many(50, "http", post),
            "half a handshake": many(100, "https", hello, tls=False),
            "nothing": many(100, "https", tls=False),
            "no close_notify": many(50, "https", clients.request("/live", "Connection: close")),
        }

    def send_gigabyte(self, service: ServiceProcess, scheme: str) -> int:
        """Blocking; how many bytes could be sent."""
        connection = clients.client(service, scheme)
        connection.sendall(b"POST /live HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
        sent, piece = 0, bytes(_MIB)
        try:
            while sent < 10**9:
                connection.sendall(piece)
                sent += len(piece)
        except OSError:
            pass
        finally:
            connection.close()
        return sent

    async def test_client_that_leaves(self) -> None:
        """What it was not sent is not counted: not in its line of the log, nor in the metrics."""
        service = await self.serve_image()

        def cut() -> list[dict[str, Any]]:
            return [event for event in service.events if event.get("aborted")]

        for count, scheme in enumerate(("http", "https"), 1):
            before = (await self.metrics(service))["sent_bytes_total"]
            connection = clients.stalled(service, scheme, self.full_iso())
            await deferToThread(clients.head_of, connection)
            # How much the kernel takes for a client that takes nothing is the machine's affair.
            await deferToThread(clients.take, connection, _MIB)
            await self.until_metric(service, "downloads_in_flight", 1)
            connection.close()
            await self.until(lambda count=count: len(cut()) == count)  # type: ignore[misc]
            event = cut()[-1]
            self.assertGreater(event["bytes"], 0)
            # Besides what it took there is what two kernels keep for it.
            self.assertLess(event["bytes"], len(noisy_image()) / 2)
            sent = (await self.metrics(service))["sent_bytes_total"] - before
            self.assertLess(sent - event["bytes"], 1 << 20)

    async def test_many_connections(self) -> None:
        """
        With 5 000 there, which is the limit, the one that has waited longest makes room for each
        that comes; a connection with an answer under way never does.
        """
        limit, more = 5000, 300
        allow_files(limit + more + 500)
        service = await self.serve_image(MAX_CONNECTIONS=str(limit), HEADER_SECONDS="60")
        download = self.kept(clients.stalled(service, "http", self.full_iso()))
        head = await deferToThread(clients.head_of, download)

        def come() -> None:
            for number in range(limit + more):
                scheme = "https" if number % 10 == 0 else "http"
                self.kept(clients.connect(service, scheme))

        started = time.monotonic()
        await deferToThread(come)
        metrics = await self.metrics(service)
        self.assertEqual(metrics["connections"], limit)
        self.assertEqual((await self.get(service, self.full_iso())).status, 200)
        idle = self.connections[1:]
        await self.until(lambda: sum(map(clients.is_cut, idle)) >= more)
        # The order in which two listeners accept is not quite the order of arrival.
        self.assertFalse(any(map(clients.is_cut, idle[-limit // 2 :])))
        metrics = await self.metrics(service)
        self.assertGreaterEqual(metrics["connections_reused_total"], more)
        self.assertEqual(metrics["connections_refused_total"], 0)
        body = await deferToThread(clients.rest_of, download, head)
        self.assertEqual(len(body), len(noisy_image()))
        print(
            f"{limit + more} connections in {time.monotonic() - started:.1f} s,"
            f" {clients.memory(service) / _MIB:.0f} MiB"
        )

    async def test_no_room(self) -> None:
        """Where all are busy a new download is refused, and /live is not; until one ends."""
        service = await self.serve_image(MAX_CONNECTIONS="3")
        for _ in range(3):
            busy = self.kept(clients.stalled(service, "http", self.full_iso()))
            await deferToThread(clients.head_of, busy)
        self.assertEqual((await self.get(service, self.full_iso())).status, 503)
        self.assertEqual(await service.status_of("/live"), 200)
        self.connections.pop(0).close()
        await self.until(lambda: Deferred.fromCoroutine(self.is_served(service)))
        told = [event for event in service.events if "MAX_CONNECTIONS" in event["message"]]
        self.assertEqual([event["level"] for event in told], ["warning"])

    async def is_served(self, service: ServiceProcess) -> bool:
        return (await self.get(service, self.full_iso())).status == 200


def drip(connection: socket.socket) -> None:
    """Send one byte, while there is somebody to take it."""
    with contextlib.suppress(OSError):
        connection.sendall(b"x")


def allow_files(count: int) -> None:
    """Let this process have as many files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
