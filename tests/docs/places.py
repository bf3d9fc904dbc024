"""The places that pages name, as they are when a page is run."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from contextlib import ExitStack

_HOST = re.compile(r"\b(?:[a-z0-9-]+\.)+example\.com\b")
"""In pages, whichever machine."""

_PORTS = ("8080", "8443", "9000", "9443", "7070", "6379", "5432", "9090", "8000", "8090")
"""In pages, those of services."""


def real_places(host: str) -> Callable[[str], str]:
    """
    What puts the real places into a text: this machine for each of C{example.com}, and for each
    port that pages give to services one that is free.

    @param host: what this machine is called.
    """
    with ExitStack() as opened:
        probes = [opened.enter_context(socket.create_server(("", 0))) for _ in _PORTS]
        free = {
            port: str(probe.getsockname()[1]) for port, probe in zip(_PORTS, probes, strict=True)
        }
    ports = re.compile(rf"(?<![\w.-])(?:{'|'.join(_PORTS)})(?![\w-])")
    return lambda text: ports.sub(lambda found: free[found[0]], _HOST.sub(host, text))
