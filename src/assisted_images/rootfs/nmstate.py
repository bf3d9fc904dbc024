"""
C{nmstatectl} out of an image's root file system, for hosts whose initial ramdisk lacks it.

C{rootfs.img} is an uncompressed cpio archive with C{root.squashfs} or, from OpenShift 4.22 on,
C{root.erofs} as a member, so the file system is read in place, at its offset in the ISO.
"""

from __future__ import annotations

from itertools import islice

from assisted_images.iso9660.errors import IsoError
from assisted_images.iso9660.files import SeekableFile
from assisted_images.rootfs import erofs, squashfs
from assisted_images.rootfs.cpio import CpioError, gzipped, members
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
        extent = found["root.squashfs"]
        program = squashfs.read_program(file, extent, f"/{NMSTATECTL}", _LARGEST_PROGRAM)
    elif "root.erofs" in found:
        program = erofs.read_program(file, found["root.erofs"], f"/{NMSTATECTL}", _LARGEST_PROGRAM)
    else:
        raise IsoError("rootfs.img holds neither root.squashfs nor root.erofs")
    return gzipped(NMSTATECTL, program, _MODE)
