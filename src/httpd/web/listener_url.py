"""Where a client has found the service."""

from __future__ import annotations

import re

from httpd.addresses import plain_address
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest

_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?", re.ASCII)


def listener_url(request: ServiceRequest) -> str:
    """
    The listener as the client sees it, through trusted proxies; without a C{Host}, as the socket
    does.

    @raise Problem: 400, the C{Host} is none.
    """
    host = request.getHeader("host")
    if host is None:
        address = request.getHost()
        shown = plain_address(address.host)
        name = f"[{shown}]" if ":" in shown else shown
        host = f"{name}:{address.port}"
    if _AUTHORITY.fullmatch(host) is None:
        raise Problem(400, "the Host header is no host name or address")
    return f"{request.scheme}://{host}"
