"""Answers that go on: watches, and logs that are followed."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.server import Request

from tests.engines.kubernetes.objects import Event
from tests.engines.kubernetes.resources import Json, Kind, StatusError, Test

_LONGEST_WATCH = 1800


class Answering:
    """
    An answer that goes on until somebody ends it.

    @ivar open: whether it does.
    @ivar closed: fires when it does no more.
    """

    def __init__(self, request: Request) -> None:
        self.open = True
        self.closed: Deferred[None] = Deferred()
        self._request = request
        request.notifyFinish().addBoth(self._close)

    def end(self) -> None:
        """End it as it should end."""
        if self.open:
            self._request.finish()

    def cut(self) -> None:
        """End the connection instead."""
        if self.open:
            cast(Any, self._request.transport).abortConnection()

    def _close(self, _: object) -> None:
        self.open = False
        self.closed.callback(None)


class Watch(Answering):
    """
    One client who watches the objects of a kind.

    As the real server does, it makes a gzip member of each event for those who take gzip.
    """

    def __init__(
        self, request: Request, kind: Kind, namespace: str | None, test: Test, clock: IReactorTime
    ) -> None:
        super().__init__(request)
        self._kind = kind
        self._namespace = namespace
        self._test = test
        query = {name.decode(): values[0].decode() for name, values in request.args.items()}
        self._takes_bookmarks = query.get("allowWatchBookmarks") in {"true", "1"}
        self._gzip = "gzip" in (request.getHeader("accept-encoding") or "")
        request.setHeader("content-type", "application/json")
        if self._gzip:
            request.setHeader("content-encoding", "gzip")
        request.write(b"")
        seconds = float(query.get("timeoutSeconds") or _LONGEST_WATCH)
        timer = clock.callLater(seconds, self.end)
        self.closed.addCallback(lambda _: timer.cancel() if timer.active() else None)

    def tell(self, event: Event) -> None:
        """Let the client know, if it wants to."""
        if event.kind is not self._kind:
            return
        if self._namespace in {None, event.object["metadata"]["namespace"]}:
            type = event.seen_by(self._test)
            if type is not None:
                self.send(type, event.object)

    def bookmark(self, version: int) -> None:
        """Tell how far it has come."""
        if self._takes_bookmarks:
            metadata = {"resourceVersion": str(version), "creationTimestamp": None}
            kind = {"kind": self._kind.name, "apiVersion": self._kind.api_version}
            self.send("BOOKMARK", {**kind, "metadata": metadata})

    def fail(self, error: StatusError) -> None:
        """Tell what is wrong, and end."""
        self.send("ERROR", error.document)
        self.end()

    def send(self, type: str, thing: Json) -> None:
        """Send an event."""
        if not self.open:
            return
        line = json.dumps({"type": type, "object": thing}).encode() + b"\n"
        if self._gzip:
            member = zlib.compressobj(wbits=31)
            line = member.compress(line) + member.flush()
        self._request.write(line)


class Log(Answering):
    """One client who follows what a container writes."""

    def __init__(self, request: Request, shown: Callable[[str, str], bytes]) -> None:
        """
        @param shown: how a line is sent that was written at a time.
        """
        super().__init__(request)
        self._shown = shown

    def write(self, lines: list[tuple[str, str]]) -> None:
        """Send lines, with the times at which they were written."""
        if self.open:
            self._request.write(b"".join(self._shown(*line) for line in lines))


def shown_line(query: dict[str, Any]) -> Callable[[str, str], bytes]:
    """How a line of a log is sent to who asked with a query."""
    if query.get("timestamps") == "true":
        return lambda time, line: f"{time} {line}\n".encode()
    return lambda _, line: f"{line}\n".encode()
