"""Errors as clients see them: one short sentence, or problem details (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from httpd.statuses import PHRASES

PLAIN = "text/plain"
PROBLEM_JSON = "application/problem+json"

OWN_FAULT = "the service failed to answer; its log says why"
"""What a client is told of a fault in our own code, with status 500."""


Errors = Mapping[str, "Errors | Sequence[str]"]
"""What is wrong with each field of something, nested as its fields are."""


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
        lines = [self.detail, *_lines(self.errors)]
        return "".join(f"{line}\n" for line in lines).encode()


def _lines(errors: Errors, above: str = "") -> Iterator[str]:
    """
    A line for each field with something wrong.

    @param above: the names of the fields that it is in, each with a dot behind it.
    """
    for name, wrong in errors.items():
        if isinstance(wrong, Mapping):
            yield from _lines(wrong, f"{above}{name}.")
        else:
            yield f"{above}{name}: {'; '.join(wrong)}"
