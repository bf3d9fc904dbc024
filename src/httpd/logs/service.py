"""The log of the whole service: where twistd has been told to write it, and how."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized
from twisted.python.logfile import LogFile

from httpd.logs.events import JsonLogObserver
from httpd.logs.lines import JsonLines, LineStream, Unbuffered
from httpd.logs.redaction import Redaction
from httpd.logs.requests import Fact, RequestEvents, RequestLines, RequestLog


class ServiceLog:
    """
    Lines of JSON, unless twistd has been told to write its log in a way of its own.

    It is a L{RequestLog}, too: until L{begin}, and where the lines are not ours, by events.
    """

    _log = Logger()

    def __init__(
        self,
        twistd: Mapping[str, Any],
        redaction: Redaction,
        level: str = "info",
        worker: int | None = None,
    ) -> None:
        """
        @param twistd: twistd's own options.
        @param redaction: leaves the service's secrets out.
        @param level: the least severe that is written, one of L{LEVELS<httpd.logs.lines.LEVELS>}.
        @param worker: which of the service's processes this is, for every line to tell.
        """
        self._twistd = twistd
        self._redaction = redaction
        self._level = level
        self._worker = worker
        self._stream: LineStream | None = None
        self._lines: JsonLines | None = None
        self._requests: RequestLog = RequestEvents()

    @property
    def in_foreground(self) -> bool:
        """Whether somebody watches."""
        return bool(self._twistd.get("nodaemon"))

    def begin(self, application: Componentized) -> None:
        """Have an application's log written."""
        stream = self._stream = _log_stream(self._twistd)
        if stream is not None:
            self._lines = JsonLines(stream, self._redaction, self._level, self._worker)
            self._requests = RequestLines(self._lines)
            # twistd looks for this after it has made the service and before it logs anything.
            application.setComponent(ILogObserver, JsonLogObserver(self._lines))

    def reopen(self) -> None:
        """Open the log file again, where there is one: somebody has moved it away."""
        if isinstance(self._stream, LogFile):
            self._stream.reopen()

    def write_request(self, facts: Mapping[str, Fact], level: str = "info") -> None:
        """Write the line of a request that is over."""
        self._requests.write_request(facts, level)

    def pass_on(self, lines: bytes) -> None:
        """Write whole lines that another process of the service has made."""
        if self._lines is None:
            for line in lines.decode("utf-8", "replace").splitlines():
                self._log.info("{line}", line=line)
        else:
            self._lines.pass_on(lines)


def _log_stream(twistd: Mapping[str, Any]) -> LineStream | None:
    """Where the log goes; C{None}: twistd has been told to write it in a way of its own."""
    file, foreground = twistd.get("logfile"), twistd.get("nodaemon")
    if twistd.get("logger") or twistd.get("syslog") or (file == "-" and not foreground):
        return None
    if file == "-" or (foreground and not file):
        # A process that was started without standard output has none here either.
        return Unbuffered(sys.stdout) if sys.stdout else None
    log_file: LineStream = LogFile.fromFullPath(file or "twistd.log")
    return log_file
