"""What a peer has not acknowledged yet: the sign of life of a slow client."""

from __future__ import annotations

import array
import fcntl
import termios
from collections.abc import Callable
from typing import Any


def unsent_bytes(transport: Any) -> Callable[[], int]:
    """
    Give a function that tells how many bytes the kernel still has to get to the peer of
    C{transport}.

    A client that reads slowly lets this number fall long before Twisted's own buffer is empty
    and its producer is resumed (C{SIOCOUTQ}, tcp(7)).  Where there is no socket it is always 0.
    """
    fileno: Callable[[], int] | None = getattr(transport, "fileno", None)

    def unsent() -> int:
        count = array.array("i", [0])
        try:
            if fileno is not None:
                fcntl.ioctl(fileno(), termios.TIOCOUTQ, count)
        except (OSError, ValueError):
            pass  # not a socket, or closed meanwhile
        return count[0]

    return unsent
