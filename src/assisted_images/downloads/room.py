"""The room on the disk, shared out among downloads.  Blocking; used in threads only."""

from __future__ import annotations

import errno
import threading

from assisted_images.downloads.parts import Part

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
"""How systems say that a disk, or somebody's share of it, is full."""


class Room:
    """
    Has what downloads still lack promised to them, so that of several that do not fit together one
    at least comes to its end.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals: dict[Part, int] = {}
        """Of the downloads under way: the bytes that each of them will have."""

    def promise(self, part: Part, total: int) -> None:
        """
        Take what C{part} lacks of C{total} bytes from what is left.

        @raise NoSpace: it is not there.
        """
        with self._lock:
            others = ((size, other) for other, size in self._totals.items() if other is not part)
            promised = sum(max(0, size - other.size) for size, other in others)
            part.require_space(total - part.size, promised)
            self._totals[part] = total

    def release(self, part: Part) -> None:
        """C{part} grows no more, for now; harmless when nothing was promised to it."""
        with self._lock:
            self._totals.pop(part, None)
