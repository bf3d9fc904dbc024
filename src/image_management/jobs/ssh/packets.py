"""What packets of the SSH File Transfer Protocol are made of: draft-ietf-secsh-filexfer-02."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

_SIZE, _OWNER, _MODE, _TIMES, _EXTENDED = 0x01, 0x02, 0x04, 0x08, 0x80000000


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a file is to be; C{None}: as it is."""

    size: int | None = None
    owner: tuple[int, int] | None = None
    mode: int | None = None
    times: tuple[int, int] | None = None


class Reader:
    """
    Reads a packet, from its front to its end.

    Each method raises ValueError if there is no such thing at its place.
    """

    def __init__(self, packet: bytes) -> None:
        self._packet = packet
        self._place = 0

    def byte(self) -> int:
        """One byte."""
        return self._take(1)[0]

    def number(self) -> int:
        """C{uint32}."""
        return int.from_bytes(self._take(4), "big")

    def long(self) -> int:
        """C{uint64}."""
        return int.from_bytes(self._take(8), "big")

    def text(self) -> bytes:
        """C{string}."""
        return self._take(self.number())

    def attributes(self) -> Attributes:
        """C{ATTRS}; extensions of it are read over."""
        flags = self.number()
        size = self.long() if flags & _SIZE else None
        owner = (self.number(), self.number()) if flags & _OWNER else None
        mode = self.number() if flags & _MODE else None
        times = (self.number(), self.number()) if flags & _TIMES else None
        return Attributes(size, owner, mode, times)

    def _take(self, length: int) -> bytes:
        end = self._place + length
        if end > len(self._packet):
            raise ValueError("the packet ends too early")
        taken, self._place = self._packet[self._place : end], end
        return taken


def packed_attributes(facts: os.stat_result) -> bytes:
    """C{ATTRS} of a file that is there; times before 1970 and behind 2106 are not to be had."""
    return struct.pack(
        ">IQ5I",
        _SIZE | _OWNER | _MODE | _TIMES,
        facts.st_size,
        facts.st_uid,
        facts.st_gid,
        facts.st_mode,
        *(min(max(int(when), 0), 0xFFFFFFFF) for when in (facts.st_atime, facts.st_mtime)),
    )


def text(data: bytes) -> bytes:
    """C{string}."""
    return struct.pack(">I", len(data)) + data
