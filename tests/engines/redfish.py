"""
A BMC that speaks Redfish: the emulator of sushy-tools, which OpenStack's Ironic is developed with.

It downloads what is inserted as virtual media, and its fake driver remembers what a machine would
do.  What it remembers it tells to a URL, and the rest is here: a machine that does it.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.bench.processes import Process
from tests.httpd.web.serving import reactor
from tests.running import base_environment

_START_SECONDS = 60.0
_LISTENING = re.compile(rb"Running on (http://127\.0\.0\.1:[0-9]+)")

_CONFIGURATION = """\
SUSHY_EMULATOR_LISTEN_IP = "127.0.0.1"
SUSHY_EMULATOR_LISTEN_PORT = 0
SUSHY_EMULATOR_STATE_DIR = {directory!r}
EXTERNAL_NOTIFICATION_URL = {board!r}
SUSHY_EMULATOR_FAKE_SYSTEMS = [{{
    "uuid": "6f0c1f9e-58b5-4c5c-9d2b-3b0a4a0a7d11",
    "name": "host",
    "power_state": "Off",
    "external_notifier": True,
    "nics": [{{"mac": "52:54:00:12:34:56", "ip": "10.0.2.15"}}],
}}]
"""


class Board(Resource):
    """
    What a BMC is on: is told of it what it is to do.

    @ivar powered_on: fires with what there is to boot, when it is to be powered on.
    """

    isLeaf = True  # noqa: N815

    def __init__(self) -> None:
        super().__init__()
        self.powered_on: Deferred[dict[str, Any]] = Deferred()

    def render_PUT(self, request: Any) -> bytes:
        told = json.loads(request.content.read())
        pending = told.get("pending_power") or {}
        if pending.get("power_state") == "On" and not self.powered_on.called:
            self.powered_on.callback(told)
        return b""


class RedfishEmulator:
    """
    The emulator, which is running; it has one system.

    @ivar url: where it is.
    @ivar board: what it is on.
    """

    def __init__(self, test: TestCase) -> None:
        directory = Path(test.mktemp()).resolve()
        self._media = directory / "media"
        self._media.mkdir(parents=True)
        self.board = Board()
        site: Any = Site(self.board)
        port: Any = reactor.listenTCP(0, site, interface="127.0.0.1")
        test.addCleanup(port.stopListening)
        configuration = directory / "emulator.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                directory=str(directory), board=f"http://127.0.0.1:{port.getHost().port}/"
            )
        )
        emulator = str(Path(sys.executable).with_name("sushy-emulator"))
        log = directory / "output"
        process = Process(
            [emulator, "--fake", "--config", str(configuration)],
            log,
            environment=base_environment() | {"TMPDIR": str(self._media)},
        )
        test.addCleanup(process.stop)
        process.wait_until(
            lambda: _LISTENING.search(log.read_bytes()) is not None, "Redfish", _START_SECONDS
        )
        found = _LISTENING.search(log.read_bytes())
        assert found is not None, "it has just been there"
        self.url = found[1].decode()

    def media(self) -> list[Path]:
        """The files that it has downloaded, and not thrown away."""
        return [path for path in self._media.rglob("*") if path.is_file()]
