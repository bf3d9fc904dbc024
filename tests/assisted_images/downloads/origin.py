"""An origin of one large file, which knows ranges, and misbehaves as told."""

from __future__ import annotations

from dataclasses import dataclass, field

from twisted.internet.interfaces import ITCPTransport

from tests.httpd.outbound.servers import Received, response


@dataclass
class Origin:
    """
    Serves C{content} to every request.

    @ivar etag: its entity tag, quoted.
    @ivar ranges: whether C{Range} is honoured.
    @ivar break_after: the connection breaks after so many bytes of each body.
    @ivar asked: the first byte that each request asked for.
    """

    content: bytes
    etag: str | None = '"one"'
    last_modified: str | None = "Fri, 02 Jan 1970 00:00:00 GMT"
    date: str | None = "Sat, 03 Jan 1970 00:00:00 GMT"
    ranges: bool = True
    if_range: bool = True
    length: bool = True
    chunked: bool = False
    break_after: int | None = None
    stall_after: int | None = None
    busy: bool = False
    asked: list[int] = field(default_factory=list)

    def __call__(self, received: Received, transport: ITCPTransport) -> None:
        """Answer one request."""
        start = self._start(received)
        self.asked.append(start)
        if self.busy:
            transport.write(response("503 Busy"))
            return
        if start and start >= len(self.content):
            total = f"bytes */{len(self.content)}"
            transport.write(response("416 Range Not Satisfiable", Content_Range=total))
            return
        body = self.content[start:]
        transport.write(self._head(start, len(body)))
        limit = self.break_after if self.break_after is not None else self.stall_after
        sent = body if limit is None else body[:limit]
        transport.write(b"%x\r\n%b\r\n" % (len(sent), sent) if self.chunked else sent)
        if self.chunked and limit is None:
            transport.write(b"0\r\n\r\n")
        if self.break_after is not None or not (self.length or self.chunked):
            transport.loseConnection()

    def _start(self, received: Received) -> int:
        wanted = received.headers.get("range", "")
        condition = received.headers.get("if-range")
        if not (self.ranges and wanted.startswith("bytes=") and wanted.endswith("-")):
            return 0
        if self.if_range and condition not in {None, self.etag, self.last_modified}:
            return 0
        return int(wanted[len("bytes=") : -1])

    def _head(self, start: int, length: int) -> bytes:
        total = len(self.content)
        lines = ["HTTP/1.1 206 Partial Content" if start else "HTTP/1.1 200 OK"]
        if start:
            lines.append(f"Content-Range: bytes {start}-{total - 1}/{total}")
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif self.length:
            lines.append(f"Content-Length: {length}")
        for name, value in [
            ("ETag", self.etag),
            ("Last-Modified", self.last_modified),
            ("Date", self.date),
        ]:
            if value is not None:
                lines.append(f"{name}: {value}")
        return "\r\n".join([*lines, "", ""]).encode()
