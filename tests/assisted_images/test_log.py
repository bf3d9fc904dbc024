"""Where the service's log goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.application.service import Application
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.settings.settings import Settings, parse_settings
from assisted_images.tap import service_log
from httpd.logs.service import ServiceLog
from tests.httpd.logs.test_requests import FACTS


def settings(directory: Path, **changes: str) -> Settings:
    entry = {
        "openshift_version": "4.18",
        "cpu_architecture": "x86_64",
        "url": "http://127.0.0.1:1/nothing.iso",
        "version": "418.94.1-0",
    }
    return parse_settings(
        {
            "DATA_DIR": str(directory / "data"),
            "INFRA_ENVS_DIR": str(directory),
            "IMAGE_SERVICE_BASE_URL": "http://images.example.com",
            "OS_IMAGES": json.dumps([entry]),
        }
        | changes
    )


class ServiceLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.file = self.directory / "log"
        self.events: list[LogEvent] = []
        observer: ILogObserver = self.events.append  # type: ignore[assignment]
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def log(self, **changes: str) -> tuple[ServiceLog, ILogObserver]:
        """A log to a file, which an application has begun."""
        log = service_log(settings(self.directory, **changes), {"logfile": str(self.file)})
        application: Any = Application("assisted-images")
        log.begin(application)
        return log, application.getComponent(ILogObserver)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text().splitlines()]

    def test_events_and_requests_in_one_file(self) -> None:
        log, observer = self.log()
        observer({"log_level": LogLevel.warn, "log_format": "an event"})
        log.write_request(FACTS)
        self.assertEqual([line["level"] for line in self.lines()], ["warning", "info"])
        self.assertEqual([line.get("worker") for line in self.lines()], [None, None])
        self.assertEqual(self.events, [], "nobody else is told of requests")

    def test_of_several_workers(self) -> None:
        """The first is number 0; what the others have written is passed on as it is."""
        log, observer = self.log(WORKERS="2")
        observer({"log_level": LogLevel.warn, "log_format": "an event"})
        log.write_request(FACTS)
        log.pass_on(b'{"worker":1}\n{"worker":1}\n')
        self.assertEqual([line["worker"] for line in self.lines()], [0, 0, 1, 1])

    def test_level(self) -> None:
        log, observer = self.log(LOG_LEVEL="error")
        observer({"log_level": LogLevel.warn, "log_format": "an event"})
        log.write_request(FACTS)
        self.assertEqual(self.lines(), [])

    def test_by_twistd_s_own_log(self) -> None:
        """Requests are events, and what other workers have written is told in events."""
        log = service_log(settings(self.directory), {"syslog": True})
        application: Any = Application("assisted-images")
        for _ in ("before an application has it written", "after that"):
            log.write_request(FACTS)
            log.begin(application)
        log.pass_on(b"a line\nand \xff another\n")
        messages = [event["log_format"].format_map(event) for event in self.events]
        request = "GET /byid/:token 206 65536 bytes in 0.025 s"
        self.assertEqual(messages, [request, request, "a line", "and \ufffd another"])
        self.assertEqual(self.events[0]["version"], "4.18")
