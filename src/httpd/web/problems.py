"""Errors as clients see them: one short sentence, or problem details (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from httpd.field_errors import Errors, error_lines
from httpd.statuses import PHRASES

PLAIN = "text/plain"
PROBLEM_JSON = "application/problem+json"

OWN_FAULT = "the service failed to answer; its log says why"
"""What a client is told of a fault in our own code, with status 500."""


class Problem(Exception):
    """
    A request that cannot be answered as asked; raised anywhere below a resource.

    @ivar status: the status code.
    @ivar detail: one sentence for the client; never a secret.
    @ivar headers: header fields that go with it, such as C{Allow}.
    @ivar errors: what is wrong with each field of what was sent, nested as its fields are.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        headers: Mapping[str, str] | None = None,
        errors: Errors | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = dict(errors or {})

    @property
    def title(self) -> str:
        """The status code's own phrase."""
        # Assisted-service may have codes of its own making.
        return PHRASES.get(self.status, "Error")

    def as_json(self) -> bytes:
        """This problem as a C{application/problem+json} document."""
        members: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            members["errors"] = self.errors
        return json.dumps(members).encode()

    def as_text(self) -> bytes:
        """This problem as lines of C{text/plain}."""
        lines = [self.detail, *error_lines(self.errors)]
        return "".join(f"{line}\n" for line in lines).encode()
