"""Cross-origin reads by browsers (the Fetch standard's CORS protocol)."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.web.http import Request

_HEADERS = "Authorization, Content-Type"
_PREFLIGHT_SECONDS = "600"


def allow_origin(request: Request, allowed_domains: Sequence[str]) -> None:
    """Tell a browser whether its page may read the response."""
    request.responseHeaders.addRawHeader("vary", "Origin")
    origin = request.getHeader("origin")
    if origin is not None and _is_allowed(origin, allowed_domains):
        any_origin = "*" in allowed_domains
        request.setHeader("access-control-allow-origin", "*" if any_origin else origin)


def is_preflight(request: Request) -> bool:
    """Whether a browser asks in advance what it may do."""
    asks = request.getHeader("access-control-request-method") is not None
    return asks and request.method == b"OPTIONS"


def answer_preflight(request: Request, methods: Sequence[bytes]) -> None:
    """Say what a page of an allowed origin may do; L{allow_origin} has spoken of the origin."""
    request.responseHeaders.addRawHeader("vary", "Access-Control-Request-Method")
    request.responseHeaders.addRawHeader("vary", "Access-Control-Request-Headers")
    if request.responseHeaders.hasHeader("access-control-allow-origin"):
        request.setHeader("access-control-allow-methods", b", ".join(methods))
        request.setHeader("access-control-allow-headers", _HEADERS)
        request.setHeader("access-control-max-age", _PREFLIGHT_SECONDS)
    request.setResponseCode(204)
    request.finish()


def _is_allowed(origin: str, allowed_domains: Sequence[str]) -> bool:
    """Compare without case; one C{*} within an allowed origin stands for any text."""
    lowered = origin.lower()
    for allowed in allowed_domains:
        head, star, tail = allowed.lower().partition("*")
        if not star and lowered == head:
            return True
        long_enough = len(lowered) >= len(head) + len(tail)
        if star and long_enough and lowered.startswith(head) and lowered.endswith(tail):
            return True
    return False
