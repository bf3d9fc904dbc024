"""Logs: one JSON object a line, and no secrets in it."""

from __future__ import annotations

import json
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import ILogObserver, Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from assisted_images.logs import JsonLogObserver, redacted

TOKEN = jwt.encode({"sub": "cb94f1b8-4bb6-4c0a-9e9c-1b0e6f3d4a55"}, "k" * 32, algorithm="HS256")


PARTS = (
    "Authorization", "BEARER ", "\u212a", "api_\u212aey", "API_KEY", "image-token", "image_Token",
    ": ", '": "', "%3D", "/byapikey/", "/ByToken/", ":token", "/", "http://", "a:b@", "eyJ", "EYJ",
    "s3cr3ts3cr3ts3cr3t", " ", "\n", "\\", "\ud800",
)  # fmt: skip
"""What secrets are found by, and what is around them."""

names = st.text().filter(lambda name: not name.startswith("log_"))
"""Of an event's own facts; the others are the logger's."""


class Written:
    """An observer, a logger that it observes, and the lines that came out."""

    def __init__(self, level: str = "debug") -> None:
        self.stream = StringIO()
        self.observer = JsonLogObserver(self.stream, level)
        self.log = Logger(namespace="a.namespace", observer=self.observer)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    @property
    def only(self) -> dict[str, Any]:
        (line,) = self.lines
        return line


class Fault(Exception):
    """What goes wrong in a test."""


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
        self.assertTrue(written.stream.getvalue().isascii())
        self.assertTrue(written.only["message"].startswith("a\nb\r\n\u2028"))

    @given(st.text(), st.dictionaries(names, st.text() | st.integers() | st.floats()))
    def test_any_event_is_one_line_of_json(self, text: str, facts: dict[str, Any]) -> None:
        written = Written()
        written.observer({"log_level": LogLevel.info, "log_format": text} | facts)
        self.assertEqual(len(written.stream.getvalue().splitlines(keepends=True)), 1)
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


class RedactionTests(SynchronousTestCase):
    """What looks like a secret is not written, in no field."""

    def test_texts(self) -> None:
        for text in (
            f"GET /byapikey/{TOKEN}/4.18/x86_64/full.iso",
            f"GET /bytoken/{TOKEN}/4.18/x86_64/full.iso",
            "GET /byapikey/s3cr3t-key/4.18/x86_64/full.iso",
            "GET /images/x?api_key=s3cr3t&version=4.18",
            "GET /images/x?version=4.18&image_token=s3cr3t",
            "GET /images/x?API_KEY=s3cr3t",
            "next=%2Fimages%2Fx%3Fapi_key%3Ds3cr3t%26version",
            '{"api_key": "s3cr3t"}',
            "{'image_token': 's3cr3t'}",
            "Authorization: Bearer s3cr3t",
            "authorization: Basic czNjcjN0",
            "Authorization: s3cr3t",
            "Proxy-Authorization: Basic czNjcjN0",
            "Headers({b'authorization': [b'Bearer s3cr3t'], b'image-token': [b's3cr3t']})",
            "Image-Token: s3cr3t",
            "sent bearer s3cr3ts3cr3ts3cr3t to it",
            "http://user:s3cr3t@proxy.example.com:3128/x",
            f"just {TOKEN} in a text",
            f"cut {TOKEN[:60]}",
            f"percent {TOKEN.replace('.', '%2E')}",
        ):
            with self.subTest(text):
                told = redacted(text)
                self.assertNotIn("s3cr3t", told)
                self.assertNotIn("czNjcjN0", told)
                for part in TOKEN.split("."):
                    self.assertNotIn(part[:20], told)
                self.assertIn("[redacted]", told)

    def test_what_is_around_stays(self) -> None:
        self.assertEqual(
            redacted(f"/bytoken/{TOKEN}/4.18/x86_64/full.iso"),
            "/bytoken/[redacted]/4.18/x86_64/full.iso",
        )
        self.assertEqual(
            redacted("/images/x?api_key=s3cr3t&version=4.18"),
            "/images/x?api_key=[redacted]&version=4.18",
        )
        self.assertEqual(
            redacted("http://user:s3cr3t@proxy:3128/x"), "http://[redacted]@proxy:3128/x"
        )

    def test_harmless_texts_stay_as_they_are(self) -> None:
        for text in (
            "GET /byapikey/:token 200",
            "/images/:imageID?version=4.18&arch=x86_64",
            "HTTPS_CERT_FILE: /certs/tls.pem cannot be read",
            "https://mirror.example.com/a.iso: 404 Not Found",
            "an authorization is not needed",
            "GET /byid/cb94f1b8-4bb6-4c0a-9e9c-1b0e6f3d4a55/4.18/x86_64/full.iso",
            "the bearer of bad news",
        ):
            self.assertEqual(redacted(text), text)

    @given(st.text())
    def test_twice_is_once(self, text: str) -> None:
        self.assertEqual(redacted(redacted(text)), redacted(text))

    @given(st.lists(st.sampled_from(PARTS) | st.text(max_size=3), max_size=6).map("".join))
    def test_lines_are_redacted_as_texts_are(self, text: str) -> None:
        """Whatever is done to be quick about the many lines without secrets."""
        written = Written()
        written.log.info("{text}", text=text)
        self.assertEqual(written.only["message"], redacted(text))
        self.assertEqual(written.only["text"], redacted(text))

    def test_every_field(self) -> None:
        written = Written()
        secret = f"api_key={TOKEN}"
        written.log.info("message {x}", x=secret, url=f"/x?{secret}", raw=secret.encode())
        try:
            raise Fault(secret)
        except Fault:
            written.log.failure("failed: {why}", Failure(), why=secret)
        self.assertEqual(len(written.lines), 2)
        self.assertNotIn(TOKEN[:20], written.stream.getvalue())
