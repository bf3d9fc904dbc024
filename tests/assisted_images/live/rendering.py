"""Representations of an ISO, written out for other programs to look at."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from httpd.representation.segments import FileSegment, Representation
from tests.assisted_images.live.images import FileSource, write_segments


def whole(source: FileSource) -> Representation:
    """The whole file as one segment, as the image store has it."""
    return Representation.of(FileSegment(source, 0, source.path.stat().st_size))


def written(representation: Representation, target: Path) -> Path:
    """The representation as a file; its sources are L{FileSource}s."""
    files: dict[object, BinaryIO] = {}
    for segment in representation:
        if isinstance(segment, FileSegment) and segment.source not in files:
            assert isinstance(segment.source, FileSource)
            files[segment.source] = segment.source.path.open("rb")
    try:
        with target.open("wb") as file:
            write_segments(representation, file, files)
    finally:
        for opened in files.values():
            opened.close()
    return target
