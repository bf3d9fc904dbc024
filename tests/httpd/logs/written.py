"""A log, and what has been written to it."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import jwt
from hypothesis import strategies as st
from twisted.logger import Logger

from httpd.logs.events import JsonLogObserver
from httpd.logs.lines import JsonLines
from httpd.logs.redaction import Redaction

REDACTION = Redaction(
    ("api_key", "image_token", "image-token"), ("/byapikey/:token", "/bytoken/:token")
)
"""Of a service with tokens in its paths and queries."""


TOKEN = jwt.encode({"sub": "cb94f1b8-4bb6-4c0a-9e9c-1b0e6f3d4a55"}, "k" * 32, algorithm="HS256")

PARTS = (
    "Authorization", "BEARER ", "\u212a", "api_\u212aey", "API_KEY", "image-token", "image_Token",
    ": ", '": "', "%3D", "/byapikey/", "/ByToken/", ":token", "/", "http://", "a:b@", "eyJ", "EYJ",
    "s3cr3ts3cr3ts3cr3t", " ", "\n", "\\", "\ud800",
)  # fmt: skip
"""What secrets are found by, and what is around them."""

hostile = st.lists(
    st.sampled_from(PARTS) | st.text(st.characters(exclude_categories=()), max_size=3), max_size=6
).map("".join)
"""Texts with what looks like secrets, and with characters of all kinds."""


class Written:
    """An observer, a logger that it observes, and the lines that came out."""

    def __init__(self, level: str = "debug", worker: int | None = None) -> None:
        self.stream = BytesIO()
        self.json_lines = JsonLines(self.stream, REDACTION, level, worker)
        self.observer = JsonLogObserver(self.json_lines)
        self.log = Logger(namespace="a.namespace", observer=self.observer)

    @property
    def text(self) -> str:
        return self.stream.getvalue().decode("ascii")

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def only(self) -> dict[str, Any]:
        (line,) = self.lines
        return line


class Fault(Exception):
    """What goes wrong in a test."""
