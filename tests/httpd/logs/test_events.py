"""Events of Twisted's log, as lines."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from twisted.logger import ILogObserver, Logger, LogLevel, LogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.httpd.logs.written import Fault, Written
from tests.properties import given

names = st.text().filter(lambda name: not name.startswith("log_"))
"""Of an event's own facts; the others are the logger's."""


class JsonLogObserverTests(SynchronousTestCase):
    """An event becomes a line."""

    def test_interface(self) -> None:
        self.assertTrue(verifyObject(ILogObserver, Written().observer))

    def test_what_every_line_has(self) -> None:
        written = Written()
        written.log.info("{n} bottles", n=3)
        line = written.only
        self.assertEqual(line["level"], "info")
        self.assertEqual(line["namespace"], "a.namespace")
        self.assertEqual(line["message"], "3 bottles")
        self.assertTrue(line["time"].endswith("Z"))
        self.assertIsNotNone(datetime.fromisoformat(line["time"]).tzinfo)

    def test_time(self) -> None:
        written = Written()
        written.observer({"log_time": 1700000000.25, "log_level": LogLevel.info})
        self.assertEqual(written.only["time"], "2023-11-14T22:13:20.250Z")

    def test_facts_of_the_event(self) -> None:
        written = Written()
        facts = {
            "request_id": "r1",
            "status": 206,
            "seconds": 0.25,
            "aborted": True,
            "range": "bytes=0-1",
            "user_agent": "curl/8",
        }
        written.log.info("done", **facts)
        self.assertEqual(written.only, written.only | facts)

    def test_other_simple_values(self) -> None:
        written = Written()
        some = UUID(int=5)
        written.log.info("x", path=Path("/data/x"), raw=b"bytes", uuid=some)
        line = written.only
        self.assertEqual((line["path"], line["raw"], line["uuid"]), ("/data/x", "bytes", str(some)))

    def test_facts_do_not_hide_what_every_line_has(self) -> None:
        written = Written()
        written.observer({"log_level": LogLevel.info, "level": "mine", "namespace": "mine"})
        self.assertEqual((written.only["level"], written.only["namespace"]), ("info", "-"))

    def test_other_objects_are_left_out(self) -> None:
        """What has a repr of its own might show anything."""
        written = Written()
        written.log.info("x", thing=object(), items=["a"], none=None, nan=float("nan"))
        self.assertEqual(set(written.only), {"time", "level", "namespace", "message"})

    def test_one_line_whatever_is_in_it(self) -> None:
        written = Written()
        written.log.info("a\nb\r\n\u2028{x}", x="\n\x00\ud800")
        self.assertTrue(written.only["message"].startswith("a\nb\r\n\u2028"))

    @given(st.text(), st.dictionaries(names, st.text() | st.integers() | st.floats()))
    def test_any_event_is_one_line_of_json(self, text: str, facts: dict[str, Any]) -> None:
        written = Written()
        written.observer({"log_level": LogLevel.info, "log_format": text} | facts)
        self.assertEqual(len(written.text.splitlines(keepends=True)), 1)
        self.assertIsInstance(written.only["message"], str)

    def test_failure(self) -> None:
        written = Written()
        try:
            raise Fault("of mine")
        except Fault:
            written.log.failure("it failed")
        line = written.only
        self.assertEqual((line["level"], line["message"]), ("critical", "it failed"))
        self.assertIn("Fault: of mine", line["traceback"])
        self.assertIn("test_failure", line["traceback"])

    def test_levels(self) -> None:
        names = ["debug", "info", "warning", "error", "critical"]
        for number, least in enumerate(names):
            written = Written(least)
            for emit in ("debug", "info", "warn", "error", "critical"):
                getattr(written.log, emit)("x")
            self.assertEqual([line["level"] for line in written.lines], names[number:])

    def test_twisted_s_chatter_is_for_debugging(self) -> None:
        """Old-style lines about ports, and a line for every outgoing connection's factory."""
        for level, count in (("info", 0), ("debug", 2)):
            written = Written(level)
            publisher = LogPublisher(written.observer)
            Logger(namespace="x", observer=publisher).info(
                "Starting factory {factory!r}", factory="f"
            )
            publisher(
                {
                    "log_level": LogLevel.info,
                    "log_namespace": "log_legacy",
                    "log_format": "{log_legacy}",
                    "log_legacy": "Site starting on 8080",
                    "message": ("Site starting on 8080",),
                    "isError": 0,
                    "system": "-",
                }
            )
            self.assertEqual(len(written.lines), count)

    def test_old_style_errors_are_errors(self) -> None:
        written = Written("error")
        written.observer(
            {
                "log_level": LogLevel.critical,
                "log_namespace": "log_legacy",
                "log_format": "{log_text}",
                "log_text": "Unhandled Error",
                "isError": 1,
            }
        )
        self.assertEqual(written.only["message"], "Unhandled Error")
