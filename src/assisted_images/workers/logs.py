"""The log of a process that is not the first."""

from __future__ import annotations

import sys

from twisted.logger import globalLogBeginner

from httpd.logs.events import JsonLogObserver
from httpd.logs.lines import JsonLines, Unbuffered
from httpd.logs.requests import RequestLines, RequestLog


def begin_log(level: str, worker: int) -> RequestLog:
    """
    Write this process's log to standard output, which is a secondary's pipe to the primary.

    @param level: the least severe that is written.
    @return: where requests' lines go.
    """
    lines = JsonLines(Unbuffered(sys.stdout), level, worker)
    globalLogBeginner.beginLoggingTo([JsonLogObserver(lines)], redirectStandardIO=False)
    return RequestLines(lines)
