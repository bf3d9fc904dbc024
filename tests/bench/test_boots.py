"""The hosts of a storm ask for what hosts ask for."""

from __future__ import annotations

from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from twisted.trial.unittest import SynchronousTestCase

from tests.bench.clients.boots import boots

_KIB = 1024
_ISO = bytes(150 * _KIB)
_ROOTFS = bytes(9000 * _KIB)


class _Server(ThreadingHTTPServer):
    """Answers with zeros, and remembers who has asked for what."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.asked: dict[int, list[str]] = defaultdict(list)


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.asked[self.client_address[1]].append(f"{self.path} {wanted}".strip())
        body, status = _ROOTFS, 200
        if wanted:
            first, last = map(int, wanted.removeprefix("bytes=").split("-"))
            body, status = _ISO[first : last + 1], 206
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(_ISO)}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class BootTests(SynchronousTestCase):
    """C{tests.bench.clients.boots}."""

    def setUp(self) -> None:
        self.server = _Server()
        self.addCleanup(self.server.server_close)
        thread = Thread(target=self.server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.shutdown)

    def test_each_host_reads_the_iso_by_ranges_and_then_the_root_file_system(self) -> None:
        for sleep in (True, False):
            self.server.asked.clear()
            booted = boots(
                {
                    "server": {"port": self.server.server_address[1]},
                    "hosts": 5,
                    "spread": 0.02,
                    "iso": "/iso",
                    "rootfs": "/rootfs",
                    "pause": 0.001,
                    "sleep": sleep,
                }
            )
            first, *hosts = self.server.asked.values()
            self.assertEqual(first, ["/iso bytes=0-0"])
            self.assertEqual(
                hosts,
                [
                    [
                        "/iso bytes=0-65535",
                        "/iso bytes=65536-131071",
                        "/iso bytes=131072-153599",
                        "/rootfs",
                    ]
                ]
                * 5,
            )
            self.assertEqual(
                (booted["iso_bytes"], booted["rootfs_bytes"]), (len(_ISO), len(_ROOTFS))
            )
            self.assertEqual(len(booted["seconds"]), 5)
            self.assertLessEqual(max(booted["seconds"]), booted["last"])
