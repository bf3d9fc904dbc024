"""Clients that hold on to their slots: for how long, and who comes next."""

from __future__ import annotations

import socket

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from demo.service import ServiceProcess
from tests.field import clients
from tests.field.client_case import ClientTestCase
from tests.field.images import noisy_image

_STALLED = {"http": 300, "https": 700}
_MIB = 1 << 20
_LEFT = 30 * _MIB
"""What a crowd may leave behind; far less than what it needed."""

_SECONDS = 60.0


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
        """
        Who waits for a slot is served in order; who is known to have left is out of the queue at
        once.  Of one that has only closed, that is known a minute later: it may read all the same.
        """
        service = await self.serve_image(MAX_CONCURRENT_REQUESTS="1")
        holder = self.kept(clients.stalled(service, "http", self.full_iso()))
        await self.until_metric(service, "downloads_in_flight", 1)
        queue = []
        for number in range(4):
            queue.append(self.kept(clients.stalled(service, "http", self.full_iso())))
            await self.until_metric(service, "downloads_waiting", number + 1)
        clients.reset(queue.pop(1))
        await self.until_metric(service, "downloads_waiting", 3)
        while queue:
            holder.close()
            holder = queue.pop(0)
            head = await deferToThread(clients.head_of, holder)
            self.assertTrue(head.startswith(b"HTTP/1.1 200 "))
            self.assertEqual((await self.metrics(service))["downloads_waiting"], len(queue))
            self.assertFalse(any(b"HTTP" in peeked(other) for other in queue))


def peeked(connection: socket.socket) -> bytes:
    """What has arrived and not been read."""
    connection.setblocking(False)
    try:
        return connection.recv(100, socket.MSG_PEEK)
    except BlockingIOError:
        return b""
    finally:
        connection.settimeout(_SECONDS)
