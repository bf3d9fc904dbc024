"""Where the parts of the full image are in one that was made of it."""

from __future__ import annotations

from collections.abc import Iterator

from assisted_images.iso9660.directories import BLOCK
from assisted_images.values import Extent
from httpd.representation.segments import FileSegment, Representation, Source


class Places:
    """
    The places in C{result} of what lies in the full image, which is C{source}.

    Files fill whole blocks, whatever their length: so do their places.
    """

    def __init__(self, result: Representation, source: Source) -> None:
        self._runs: list[tuple[Extent, int]] = []
        for extent, place in sorted(_parts(result, source)):
            moved_by = place - extent.offset
            if self._runs:
                last, last_moved_by = self._runs[-1]
                if moved_by == last_moved_by and extent.offset <= last.end:
                    end = max(last.end, extent.end)
                    self._runs[-1] = Extent(last.offset, end - last.offset), moved_by
                    continue
            self._runs.append((extent, moved_by))

    def __call__(self, extent: Extent) -> int | None:
        """Where the bytes at C{extent} are now; None when they are not there in one piece."""
        for run, moved_by in self._runs:
            if run.offset <= extent.offset and extent.end <= run.end:
                return extent.offset + moved_by
        return None


def _parts(result: Representation, source: Source) -> Iterator[tuple[Extent, int]]:
    position = 0
    for segment in result:
        if isinstance(segment, FileSegment) and segment.source is source:
            end = -(-(segment.offset + segment.length) // BLOCK) * BLOCK
            yield Extent(segment.offset, end - segment.offset), position
        position += segment.length
