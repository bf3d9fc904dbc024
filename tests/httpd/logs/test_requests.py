"""A line for each request, whichever way it goes."""

from __future__ import annotations

from typing import cast

from hypothesis import strategies as st
from twisted.logger import ILogObserver, LogEvent, Logger
from twisted.trial.unittest import SynchronousTestCase

from httpd.logs.lines import LEVELS
from httpd.logs.requests import NAMESPACE, Fact, RequestEvents, RequestLines
from tests.httpd.logs.written import TOKEN, Written, hostile
from tests.properties import given

TIME = 1700000000.25

FACTS: dict[str, Fact] = {
    "request_id": "r1",
    "method": "GET",
    "route": "/byid/:token",
    "range": "bytes=0-65535",
    "status": 206,
    "bytes": 65536,
    "seconds": 0.0254,
    "aborted": False,
    "version": "4.18",
    "arch": "x86_64",
}

texts = hostile | st.text(st.characters(exclude_categories=()))


class RequestLinesTests(SynchronousTestCase):
    def written(self, facts: dict[str, Fact], least: str = "info", level: str = "info") -> Written:
        written = Written(least, worker=1)
        RequestLines(written.json_lines, lambda: TIME).write_request(facts, level)
        return written

    def by_event(self, facts: dict[str, Fact], least: str = "info", level: str = "info") -> Written:
        """What comes of the event that there is where the lines are not ours."""
        written = Written(least, worker=1)

        def observe(event: LogEvent) -> None:
            written.observer({**event, "log_time": TIME})

        RequestEvents(Logger(NAMESPACE, observer=cast(ILogObserver, observe))).write_request(
            facts, level
        )
        return written

    def test_line(self) -> None:
        """In this order."""
        self.assertEqual(
            self.written(FACTS).text,
            '{"time":"2023-11-14T22:13:20.250Z","level":"info",'
            '"namespace":"httpd.web.request",'
            '"message":"GET /byid/:token 206 65536 bytes in 0.025 s",'
            '"request_id":"r1","method":"GET","route":"/byid/:token","range":"bytes=0-65535",'
            '"status":206,"bytes":65536,"seconds":0.0254,"aborted":false,"version":"4.18",'
            '"arch":"x86_64","worker":1}\n',
        )

    def test_level(self) -> None:
        """Each is written as it is, where it is severe enough; as of an event."""
        for least_number, least in enumerate(LEVELS):
            for number, level in enumerate(LEVELS):
                for written in (self.written, self.by_event):
                    lines = written(FACTS, least, level).lines
                    expected = [level] if number >= least_number else []
                    self.assertEqual([line["level"] for line in lines], expected)

    @given(
        st.fixed_dictionaries(
            dict.fromkeys(("method", "version", "file"), texts),
            optional=dict.fromkeys(("range", "user_agent"), texts),
        )
    )
    def test_same_as_of_an_event(self, facts: dict[str, Fact]) -> None:
        told = FACTS | facts
        self.assertEqual(self.written(told).text, self.by_event(told).text)

    def test_same_as_of_an_event_for_much(self) -> None:
        for text in ("x" * 100_000, f"api_key={TOKEN}" * 1000, "\u2028\x00\x7f\udfff" * 1000):
            told = FACTS | {"user_agent": text}
            self.assertEqual(self.written(told).text, self.by_event(told).text)

    def test_no_secret_of_a_client_s(self) -> None:
        for name in ("method", "range", "user_agent", "version", "file"):
            for text in (TOKEN, f"http://{TOKEN}@host/", f"x?api_key={TOKEN}\ud800"):
                written = self.written(FACTS | {name: text})
                self.assertNotIn(TOKEN[:20], written.text)
                self.assertIn("[redacted]", written.only[name])
