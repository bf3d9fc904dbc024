"""Logs of several processes in one."""

from __future__ import annotations

import sys

from twisted.logger import ILogObserver, LogEvent, globalLogBeginner
from zope.interface import implementer

from assisted_images.logs import JsonLogObserver


@implementer(ILogObserver)
class NumberingObserver:
    """Says of each event which worker it happened in."""

    def __init__(self, observer: ILogObserver, worker: int) -> None:
        self._observer = observer
        self._worker = worker

    def __call__(self, event: LogEvent) -> None:
        """Pass the event on."""
        self._observer({**event, "worker": self._worker})


def begin_log(level: str, worker: int) -> None:
    """Write this process's log to standard output, which is a secondary's pipe to the primary."""
    observer = NumberingObserver(JsonLogObserver(sys.stdout, level), worker)
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
