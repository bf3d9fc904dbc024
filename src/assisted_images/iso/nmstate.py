"""
C{nmstatectl} out of an image's root file system, for hosts whose initial ramdisk lacks it.

C{rootfs.img} is an uncompressed cpio archive with C{root.squashfs} as a member, so the file system
is read in place, at its offset in the ISO.  PySquashfsImage does it: no other program is needed,
and an image of 90 000 files takes it about a second, which unsquashfs does in a tenth.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from PySquashfsImage import SquashFsImage

from assisted_images.cpio import CpioError, gzipped, members
from assisted_images.files import SeekableFile
from assisted_images.iso.errors import IsoError
from assisted_images.values import Extent

__all__ = ["NMSTATECTL", "IsoError", "nmstate_archive"]

NMSTATECTL = "usr/bin/nmstatectl"
"""Where the program is in the archive, and at the end of which path in the root file system."""

_MODE = 0o100755
_LARGEST_PROGRAM = 256 << 20
_MOST_MEMBERS = 100


def nmstate_archive(file: SeekableFile, rootfs: tuple[Extent, ...]) -> bytes:
    """
    A gzipped cpio archive with nmstatectl.

    @param rootfs: where C{rootfs.img} lies in C{file}.
    @raise IsoError: it cannot be had; the text says why.
    """
    if len(rootfs) != 1:
        raise IsoError(f"rootfs.img lies in {len(rootfs)} pieces; expected one")
    try:
        found = {
            member.name.removeprefix("./"): member.content
            for member in islice(members(file, rootfs[0]), _MOST_MEMBERS)
        }
    except CpioError as problem:
        raise IsoError(f"rootfs.img: {problem}") from None
    if "root.squashfs" in found:
        return gzipped(NMSTATECTL, _from_squashfs(file, found["root.squashfs"].offset), _MODE)
    if "root.erofs" in found:
        raise IsoError("nmstatectl is in root.erofs, a file system that cannot be read yet")
    raise IsoError("rootfs.img holds neither root.squashfs nor root.erofs")


def _is_program(entry: Any) -> bool:
    # The name first: the path is put together anew each time it is asked for.
    if entry.name != "nmstatectl" or not entry.is_file:
        return False
    return str(entry.path).endswith(f"/{NMSTATECTL}")


def _from_squashfs(file: SeekableFile, offset: int) -> bytes:
    try:
        with SquashFsImage(file, offset, closefd=False) as image:
            for entry in image:
                if _is_program(entry):
                    if entry.size > _LARGEST_PROGRAM:
                        raise IsoError(f"nmstatectl has {entry.size} bytes in root.squashfs")
                    return bytes(entry.read_bytes())
    except IsoError:
        raise
    # It trusts what it reads, so a damaged file system ends in errors of many kinds.
    except Exception as problem:
        raise IsoError(f"root.squashfs cannot be read: {problem}") from problem
    finally:
        # Its cache of blocks belongs to the class and would keep the image's whole tree alive.
        SquashFsImage._read_data_block.cache_clear()
    raise IsoError(f"no {NMSTATECTL} in root.squashfs")
