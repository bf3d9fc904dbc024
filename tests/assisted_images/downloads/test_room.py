"""The room on a disk, shared out among downloads."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.downloads.parts import NoSpace, Part
from assisted_images.downloads.room import Room


class RoomTests(SynchronousTestCase):
    def part(self) -> Part:
        directory = Path(self.mktemp())
        directory.mkdir()
        part = Part.open(directory / "image.iso")
        self.addCleanup(part.close)
        return part

    def test_promised(self) -> None:
        """What was promised to one is not there for another, until it is given back."""
        room, one, other = Room(), self.part(), self.part()
        # More than half of what is free fits once, whatever else happens on this disk.
        status = os.statvfs(one.path)
        half = status.f_bavail * status.f_frsize * 6 // 10
        room.promise(one, half)
        with self.assertRaises(NoSpace) as caught:
            room.promise(other, half)
        self.assertIn("of which other downloads need", str(caught.exception))
        room.promise(one, half)
        room.release(one)
        room.release(one)
        room.promise(other, half)

    def test_too_large(self) -> None:
        """What does not fit is not promised, and takes nothing from others."""
        room, one, other = Room(), self.part(), self.part()
        with self.assertRaises(NoSpace):
            room.promise(one, 1 << 62)
        room.promise(other, 1)
