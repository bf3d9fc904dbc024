"""What the log is told of a request that is over: who has asked for what, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from httpd.http1.heads import Head
from httpd.logs.requests import Fact
from httpd.texts import shortened

if TYPE_CHECKING:
    from httpd.web.request import ServiceRequest

NO_ROUTE = "-"
"""What the log and the metrics call the route of a request of which there is nothing to be told."""

_TOLD = (("range", "range"), ("user_agent", "user-agent"))
"""Header fields that the log tells of, after what it calls them."""

_LONGEST_PART = 36
"""Characters of a part of a path that is told as it is: as many as a UUID has."""

_LONGEST_PATH = 128


def facts_of(request: ServiceRequest, seconds: float, *, aborted: bool) -> dict[str, Fact]:
    """
    The fields of its line, in order.

    @param seconds: how long it has taken.
    @param aborted: whether the client has left, or was cut off, before it was sent everything.
    """
    facts: dict[str, Fact] = {
        "request_id": request.identifier,
        "method": shortened(request.method.decode("ascii", "replace")),
        "route": request.route or _shown_path(request.head),
        "status": request.code,
        "bytes": request.sentLength,
        "seconds": round(seconds, 6),
        "aborted": aborted,
        "client": request.client_address,
    }
    fields = request.fields
    for name, field in _TOLD:
        if field in fields:
            facts[name] = shortened(fields[field])
    facts.update(request.facts)
    if request.problem is not None:
        facts["reason"] = shortened(request.problem.detail)
    return facts


def level_of(request: ServiceRequest) -> str:
    """How severe it is, one of L{LEVELS<httpd.logs.lines.LEVELS>}."""
    if request.problem is None:
        return request.level
    return "error" if request.problem.status >= 500 else "warning"


def _shown_path(head: Head | None) -> str:
    """A path that is nobody's: without its longer parts, one of which may be a token."""
    if head is None:
        return NO_ROUTE
    parts = [part if len(part) <= _LONGEST_PART else "..." for part in head.names]
    return shortened("/" + "/".join(parts), _LONGEST_PATH)
