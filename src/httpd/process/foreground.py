"""A service as a command of its own, in place of C{twistd}'s."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from twisted.scripts import twistd


def serve(service: str, arguments: Sequence[str]) -> None:
    """
    Run a service in the foreground until it ends, and end the process.

    @param service: the name of C{twistd}'s plugin.
    @param arguments: its command line.
    """
    # It reads them from there, and stays in the foreground.
    sys.argv = [service, "--nodaemon", "--pidfile=", service, *arguments]
    twistd.run()
