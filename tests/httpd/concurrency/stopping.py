"""Threads that end with a test."""

from __future__ import annotations

from typing import Any

from tests.httpd.web.serving import reactor


class Stopping:
    """The reactor, of which a test sees what would end with it."""

    def __init__(self) -> None:
        self.stops: list[Any] = []

    def addSystemEventTrigger(self, phase: str, event: str, stop: Any) -> None:  # noqa: N802
        self.stops.append((phase, event, stop))

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)

    def end(self) -> None:
        """As when the reactor stops."""
        for _, _, stop in self.stops:
            stop()
