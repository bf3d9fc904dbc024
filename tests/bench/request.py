"""
What a request costs: C{make bench-request}.

The service, what it asks, and its clients are all in one process, and take turns: nobody sleeps,
and nobody waits.  So the figures of two runs differ by few percent, even on a machine that has
other work, and C{--calls} tells where the time goes.  They contain the clients' part.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import random
import socket
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

from twisted.application.service import Application
from twisted.internet import reactor as _reactor
from twisted.logger import ILogObserver, globalLogBeginner
from twisted.web.resource import Resource
from twisted.web.server import Site

from assisted_images.settings.options import Options
from assisted_images.tap import makeService
from demo.certificate import CertificateFiles, development_certificate
from httpd.listening.listeners import Listener
from tests.bench import images
from tests.bench.network import enter_own_network
from tests.bench.scale import MIB
from tests.bench.servers import iso_path, listening_settings, status_of

_IMAGE_BYTES = 96 * MIB
_RANGE_BYTES = 64 * 1024
_ROUNDS = 20
_CLIENTS = 16
_START_SECONDS = 60.0

reactor: Any = _reactor


class _AssistedService(Resource):
    """Has one configuration for all."""

    isLeaf = True  # noqa: N815

    def render_GET(self, request: Any) -> bytes:
        """Ignition config, static network, or kernel arguments."""
        request.setHeader(b"content-type", b"application/json")
        if request.path.endswith(b"/downloads/files"):
            return b'{"ignition": {"version": "3.2.0"}}'
        return b'{"kernel_arguments": "[]"}'


def _turn_beside(work: Callable[[], object], what: str) -> None:
    """Serve as long as a client in a thread is at work."""
    thread = Thread(target=work, daemon=True)
    thread.start()
    end = time.monotonic() + _START_SECONDS
    while thread.is_alive():
        reactor.iterate(0.01)
        if time.monotonic() > end:
            sys.exit(f"{what}: not within {_START_SECONDS:g} s")


def _wait_until_healthy(port: int) -> None:
    while status_of(port, "/health") != 200:
        time.sleep(0.02)


def _start(directory: Path, certificate: CertificateFiles) -> tuple[Listener, Listener]:
    """The service as C{twistd} starts it; its listeners over TLS and in clear."""
    data = directory / "data"
    data.mkdir()
    base = images.write_base_image(directory / "base", MIB)
    images.bring_into_page_cache(
        images.write_image_of(_IMAGE_BYTES, base, data / images.file_name(0))
    )
    asked = reactor.listenTCP(0, Site(_AssistedService()), interface="127.0.0.1")
    options: Any = Options(
        {
            **listening_settings(certificate, {"http": 0, "https": 0}),
            "DATA_DIR": str(data),
            "OS_IMAGES": images.os_images(1),
            "ASSISTED_SERVICE_HOST": f"127.0.0.1:{asked.getHost().port}",
            "CONFIG_SHARE_SECONDS": "3600",
        }
    )
    options.parent = {"logfile": str(directory / "log"), "nodaemon": True}
    options.parseOptions([])
    application = Application("measured")
    service: Any = makeService(options, reactor)
    service.setServiceParent(application)
    observer = application.getComponent(ILogObserver)
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False, discardBuffer=True)
    service.privilegedStartService()
    service.startService()
    secure, clear = [part for part in service if isinstance(part, Listener)]
    reactor.startRunning(installSignalHandlers=False)
    _turn_beside(lambda: _wait_until_healthy(clear.port), "/health")
    return secure, clear


@dataclass(slots=True)
class _Client:
    """One connection that is kept."""

    socket: socket.socket
    request: Callable[[], bytes]
    _buffer: bytearray = field(default_factory=lambda: bytearray(MIB))
    _missing: int | None = 0

    def ask(self) -> None:
        """Send a request."""
        self.socket.sendall(self.request())
        self._missing = None

    def take(self) -> bool:
        """Take what has come of the answer; whether it is whole."""
        with suppress(BlockingIOError, ssl.SSLWantReadError):
            while self._missing != 0:
                count = self.socket.recv_into(self._buffer)
                if not count:
                    sys.exit("the service has closed the connection")
                if self._missing is None:
                    head, _, _ = bytes(self._buffer[:2048]).partition(b"\r\n\r\n")
                    if not head.startswith(b"HTTP/1.1 206 "):
                        sys.exit(f"expected 206, not {head.decode('latin-1')}")
                    self._missing = len(head) + 4 + _RANGE_BYTES
                self._missing -= count
        return self._missing == 0


def _connected(port: int, authority: Path | None) -> list[_Client]:
    """Connections; their handshakes are the service's business, too, so they are in a thread."""
    chance = random.Random(port)
    target = iso_path("full")

    def request() -> bytes:
        start = chance.randrange(_IMAGE_BYTES // _RANGE_BYTES) * _RANGE_BYTES
        return (
            f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Range: bytes={start}-{start + _RANGE_BYTES - 1}\r\n\r\n"
        ).encode()

    def connect() -> None:
        for _ in range(_CLIENTS):
            connection = socket.create_connection(("127.0.0.1", port), timeout=20)
            if authority is not None:
                context = ssl.create_default_context(cafile=str(authority))
                connection = context.wrap_socket(connection, server_hostname="localhost")
            connection.setblocking(False)
            clients.append(_Client(connection, request))

    clients: list[_Client] = []
    _turn_beside(connect, "connecting")
    return clients


def _ask(clients: Sequence[_Client], times: int) -> None:
    """Each client asks so often, all of them at once."""
    for _ in range(times):
        for client in clients:
            client.ask()
        waiting = list(clients)
        while waiting:
            reactor.iterate(0)
            waiting = [client for client in waiting if not client.take()]


def main() -> None:
    """Measure, and print microseconds of CPU for each request."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.request", description=__doc__)
    parser.add_argument("--calls", action="store_true", help="show where the time goes (cProfile)")
    options = parser.parse_args()
    enter_own_network()
    with tempfile.TemporaryDirectory() as name:
        certificate = development_certificate(Path(name) / "certificate")
        listeners = _start(Path(name), certificate)
        for scheme, listener, authority in zip(
            ("https", "http"), listeners, (certificate.authority, None), strict=True
        ):
            clients = _connected(listener.port, authority)
            _ask(clients, 20)
            profile = cProfile.Profile()
            costs = []
            for _ in range(_ROUNDS):
                if options.calls:
                    profile.enable()
                before = time.process_time()
                _ask(clients, 20)
                costs.append(1e6 * (time.process_time() - before) / (20 * _CLIENTS))
                profile.disable()
            print(
                f"{scheme:5} {_RANGE_BYTES // 1024} KiB to each of {_CLIENTS} clients:"
                f" {min(costs):.0f} µs at least, {statistics.median(costs):.0f} in the middle"
            )
            if options.calls:
                pstats.Stats(profile).sort_stats("tottime").print_stats(40)
            for client in clients:
                client.socket.close()
    reactor.fireSystemEvent("shutdown")


if __name__ == "__main__":
    main()
