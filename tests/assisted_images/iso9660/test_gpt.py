"""Both copies of the GPT of images that xorriso has made, sound and damaged."""

from __future__ import annotations

import io
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.iso9660.errors import IsoError
from assisted_images.iso9660.gpt import GuidPartitionTable, check_copies
from assisted_images.iso9660.volume import Volume
from tests.assisted_images.live.hybrids import BEHIND_VOLUME, IN_VOLUME, SECTOR, Disk, write_mkisofs
from tests.assisted_images.live.images import tree, write_genisoimage


def checked(content: bytes) -> GuidPartitionTable | None:
    return check_copies(Volume(io.BytesIO(content)).read_extent)


class CheckCopiesTests(SynchronousTestCase):
    def test_sound(self) -> None:
        """And where there is none."""
        for name, options in {**IN_VOLUME, **BEHIND_VOLUME}.items():
            content = write_mkisofs(tree(), Path(self.mktemp()), *options).read_bytes()
            expected, found = Disk(content).gpt(), checked(content)
            self.assertEqual(found is None, expected is None, name)
            if found is not None and expected is not None:
                places = [(one.first, one.end - 1) for one in found.partitions()]
                self.assertEqual(places, [*expected.values()])

    def test_isohybrid(self) -> None:
        """What CoreOS images are made by."""
        content = write_genisoimage(tree(), Path(self.mktemp()), hybrid=True).read_bytes()
        self.assertIsNotNone(checked(content))

    def test_damaged(self) -> None:
        options = IN_VOLUME["basdat"]
        content = write_mkisofs(tree(), Path(self.mktemp()), *options).read_bytes()
        entries = int.from_bytes(content[SECTOR + 72 : SECTOR + 80], "little") * SECTOR
        last = len(content) - SECTOR
        backup_entries = int.from_bytes(content[last + 72 : last + 80], "little") * SECTOR
        for place, expected in (
            (SECTOR + 40, "header of the GPT in sector 1 is damaged"),
            (SECTOR + 24, "no header in sector 1"),
            (entries + 40, "entries of the GPT .* are damaged"),
            (last + 40, f"header of the GPT in sector {last // SECTOR} is damaged"),
            (last, f"no header in sector {last // SECTOR}"),
            (backup_entries, f"entries of the GPT from sector {backup_entries // SECTOR} on"),
        ):
            changed = bytearray(content)
            changed[place] ^= 1
            with self.assertRaisesRegex(IsoError, expected):
                checked(bytes(changed))
        with self.assertRaisesRegex(IsoError, "the file ends at byte"):
            checked(content[:-SECTOR])
