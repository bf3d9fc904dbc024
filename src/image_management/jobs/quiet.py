"""What Conch is told to log to, where whoever asks is told all that counts."""

from __future__ import annotations

from twisted.logger import ILogObserver, LogEvent, Logger
from zope.interface import implementer


@implementer(ILogObserver)
def _nobody(event: LogEvent) -> None:
    """Takes no notice."""


QUIET = Logger(observer=_nobody)
"""Says nothing to anybody."""
