"""Clients that hold on to what they got: slots, connections, and the good clients among them."""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from demo.service import ServiceProcess
from tests.certificates import identity
from tests.field import clients
from tests.field.images import file_name, noisy_image, os_images
from tests.field.service import FieldTestCase
from tests.sources.servers import trial_reactor

_STALLED = {"http": 300, "https": 700}
_MIB = 1 << 20
_LEFT = 30 * _MIB
"""What a crowd may leave behind; far less than what it needed."""

_SECONDS = 60.0


class ClientTestCase(FieldTestCase):
    """A service with one image, on a TLS and a plain listener."""

    def setUp(self) -> None:
        super().setUp()
        (self.data / file_name("1")).write_bytes(noisy_image())
        self.connections: list[socket.socket] = []

    async def serve_image(self, **settings: str) -> ServiceProcess:
        key, certificate = identity("localhost").write(self.directory())
        tls = {"HTTPS_KEY_FILE": str(key), "HTTPS_CERT_FILE": str(certificate)}
        both = {"HTTP_LISTEN_PORT": "0", "HTTP_SERVES": "all"}
        image = os_images({"version": "1", "url": "http://127.0.0.1:1/nobody"})
        service = await self.start(image | tls | both | settings, healthy=True)
        # Before the service is stopped, which would wait for them.
        self.addCleanup(lambda: clients.close(self.connections))
        return service

    def kept(self, connection: socket.socket) -> socket.socket:
        """The same, closed when the test ends."""
        self.connections.append(connection)
        return connection

    async def until(self, holds: Callable[[], Any]) -> float:
        """Ask again and again; the seconds that it took.  The test's own timeout is the bound."""
        started = time.monotonic()
        while True:
            held = holds()
            if await held if isinstance(held, Deferred) else held:
                return time.monotonic() - started
            await deferLater(trial_reactor(), 0.05)

    async def until_metric(self, service: ServiceProcess, name: str, value: float) -> float:
        async def is_so() -> bool:
            return (await self.metrics(service))[name] == value

        return await self.until(lambda: Deferred.fromCoroutine(is_so()))


class SlotTests(ClientTestCase):
    """Who has a slot, and for how long."""

    async def test_clients_that_stop_reading(self) -> None:
        """
        1 000 are all dropped after the stall time; then slots are free again, and so is memory:
        the system has it back, and another 1 000 need no more.
        """
        service = await self.serve_image(MAX_CONCURRENT_REQUESTS="1000", CLIENT_STALL_SECONDS="4")
        await self.get(service, self.full_iso())
        before = clients.memory(service)
        figures = [f"{before / _MIB:.0f} MiB before"]
        peaks = []
        for wave in (1, 2):
            seconds = await self.stall(service, 1000 * wave)
            peaks.append(service.peak_memory)
            await self.until(lambda: clients.memory(service) < before + _LEFT)
            figures.append(
                f"dropped {seconds:.1f} s after the last came, {peaks[-1] / _MIB:.0f} MiB at most,"
                f" {clients.memory(service) / _MIB:.0f} MiB after"
            )
        print("1000 clients that stop reading, twice:", "; ".join(figures))
        self.assertLess(peaks[1], 1.25 * peaks[0])

    async def stall(self, service: ServiceProcess, dropped: int) -> float:
        """
        Have 1 000 clients come and stop reading.

        @param dropped: how many will have been dropped then, in all.
        @return: seconds from the last one's coming until all are dropped.
        """

        def come() -> None:
            for scheme, count in _STALLED.items():
                for _ in range(count):
                    self.kept(clients.stalled(service, scheme, self.full_iso()))

        await deferToThread(come)
        waiting = Deferred.fromCoroutine(self.get(service, self.full_iso()))
        seconds = await self.until_metric(service, "stalled_clients_total", dropped)
        self.assertEqual((await waiting).body[-2048:], noisy_image()[-2048:])
        await self.until_metric(service, "downloads_in_flight", 0)
        await self.until(lambda: all(map(clients.is_cut, self.connections)))
        clients.close(self.connections)
        self.connections.clear()
        return seconds

    async def test_slow_clients(self) -> None:
        """
        10 kB/s are enough, on plain HTTP and TLS: the stall time is far shorter than the time in
        which such a client makes the service write again.
        """
        service = await self.serve_image(CLIENT_STALL_SECONDS="4")
        slow_bytes, pause = 120_000, 1.0

        def read_slowly(scheme: str) -> bytes:
            connection = self.kept(clients.client(service, scheme, 8 * 1024))
            connection.sendall(clients.request(self.full_iso(), "Range: bytes=0-2999999"))
            return clients.rest_of(connection, clients.head_of(connection), pause, slow_bytes)

        bodies = [deferToThread(read_slowly, scheme) for scheme in ("http", "https")]
        whole = (await self.get(service, self.full_iso())).body
        for body in bodies:
            self.assertTrue(await body == whole[:3_000_000], "not the image")
        self.assertEqual((await self.metrics(service))["stalled_clients_total"], 0)

    async def test_order(self) -> None:
        """Who waits for a slot is served in order; who leaves is out of the queue at once."""
        service = await self.serve_image(MAX_CONCURRENT_REQUESTS="1")
        holder = self.kept(clients.stalled(service, "http", self.full_iso()))
        await self.until_metric(service, "downloads_in_flight", 1)
        queue = []
        for number in range(4):
            queue.append(self.kept(clients.stalled(service, "http", self.full_iso())))
            await self.until_metric(service, "downloads_waiting", number + 1)
        queue.pop(1).close()
        await self.until_metric(service, "downloads_waiting", 3)
        while queue:
            holder.close()
            holder = queue.pop(0)
            head = await deferToThread(clients.head_of, holder)
            self.assertTrue(head.startswith(b"HTTP/1.1 200 "))
            self.assertEqual((await self.metrics(service))["downloads_waiting"], len(queue))
            self.assertFalse(any(b"HTTP" in peeked(other) for other in queue))


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


def peeked(connection: socket.socket) -> bytes:
    """What has arrived and not been read."""
    connection.setblocking(False)
    try:
        return connection.recv(100, socket.MSG_PEEK)
    except BlockingIOError:
        return b""
    finally:
        connection.settimeout(_SECONDS)


def allow_files(count: int) -> None:
    """Let this process have as many files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
