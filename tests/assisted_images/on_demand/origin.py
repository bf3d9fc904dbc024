"""An origin that gives parts of one file, and misbehaves as told."""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.interfaces import ITCPTransport

from assisted_images.on_demand.block_places import BLOCK
from tests.field.images import LongImage
from tests.httpd.outbound.servers import Received, response


@dataclass
class PartsOrigin:
    """
    Serves parts of C{content}.

    @ivar faults: what goes wrong with the next answers, one after the other: a status line, or
        C{cut}, C{stall}, C{short}, C{long}, C{elsewhere}; empty: nothing.
    @ivar held: answers that wait for L{let_go}, where that is no C{None}.
    @ivar holds: the only block whose answers do; C{None}: all do.
    @ivar asked: how often each block was asked for.
    """

    content: bytes | LongImage
    etag: str | None = '"one"'
    last_modified: str | None = "Fri, 02 Jan 1970 00:00:00 GMT"
    ranges: bool = True
    if_range: bool = True
    faults: deque[str] = field(default_factory=deque)
    retry_after: str = "0"
    held: list[tuple[ITCPTransport, bytes]] | None = None
    holds: int | None = None
    asked: list[int] = field(default_factory=list)

    @property
    def counts(self) -> Counter[int]:
        return Counter(self.asked)

    def __call__(self, received: Received, transport: ITCPTransport) -> None:
        found = re.fullmatch(r"bytes=([0-9]+)-([0-9]+)", received.headers.get("range", ""))
        assert found is not None, "each request is for a part"
        start, stop = int(found[1]), int(found[2]) + 1
        if stop - start > 1:
            self.asked.append(start // BLOCK)
            fault = self.faults.popleft() if self.faults else ""
        else:
            fault = ""
        answer = self._answer(start, stop, fault, received.headers.get("if-range"))
        is_held = self.holds in {None, start // BLOCK}
        if self.held is not None and is_held and stop - start > 1:
            self.held.append((transport, answer))
            return
        transport.write(answer)
        if fault == "cut":
            transport.loseConnection()

    def let_go(self) -> None:
        """Send the answers that are held."""
        assert self.held is not None
        held, self.held = self.held, []
        for transport, answer in held:
            transport.write(answer)

    def _answer(self, start: int, stop: int, fault: str, condition: str | None) -> bytes:
        if fault[:1].isdigit():
            return response(fault, Retry_After=self.retry_after)
        fields: dict[str, Any] = {
            name: value
            for name, value in (("ETag", self.etag), ("Last_Modified", self.last_modified))
            if value is not None
        }
        is_same = condition in {None, self.etag, self.last_modified}
        if not self.ranges or (self.if_range and not is_same):
            return response("200 OK", self.content[:], **fields)
        total = len(self.content)
        if start >= total:
            return response("416 Range Not Satisfiable", Content_Range=f"bytes */{total}")
        body = self.content[start:stop]
        if fault == "elsewhere":
            start += 1
        fields["Content_Range"] = f"bytes {start}-{start + len(body) - 1}/{total}"
        length = len(body)
        match fault:
            case "cut" | "stall":
                body = body[: length // 2]
            case "short":
                body, length = body[:-1], length - 1
            case "long":
                body, length = body + b"x", length + 1
        return response("206 Partial Content", body, length=length, **fields)
