"""What containers write, as it may be shown: without credentials and presigned URLs."""

from __future__ import annotations

from image_management.secrets import REDACTION

_LONGEST_LINE = 256 * 1024
"""Bytes that are kept to see a line whole."""


class ShownLines:
    """Lines out of bytes that come piece by piece; what looks like a secret is left out of them."""

    def __init__(self) -> None:
        self._rest = b""

    def of(self, data: bytes) -> bytes:
        """The lines that are whole with these bytes; of one that is too long, its begin."""
        data = self._rest + data
        end = data.rfind(b"\n") + 1
        if len(data) - end > _LONGEST_LINE:
            # No secret has a space in it.
            end = data.rfind(b" ") + 1 or len(data)
        self._rest = data[end:]
        return _shown(data[:end])

    def rest(self) -> bytes:
        """The last line, which has no end, with one."""
        rest, self._rest = self._rest, b""
        return _shown(rest + b"\n") if rest else b""


def _shown(data: bytes) -> bytes:
    if not REDACTION.may_be_needed(data):
        return data
    return b"".join(map(_shown_line, data.splitlines(keepends=True)))


def _shown_line(line: bytes) -> bytes:
    if not REDACTION.may_be_needed(line):
        return line
    text = line.decode("utf-8", "surrogateescape")
    return REDACTION.redacted(text).encode("utf-8", "surrogateescape")
