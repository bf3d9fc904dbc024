"""
The edits that turn a full ISO's boot configuration into a minimal one's: GRUB's and isolinux's.

The root file system comes from a URL instead of the ISO, and the initial ramdisk has more parts.
Every edit is kept as a value, because what coreos-installer's metadata says about offsets in the
file has to be moved along with it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assisted_images.iso9660.errors import IsoError

# In front of the first line's end, which is inside the area of kernel arguments.
_GRUB_KERNEL = re.compile(rb"^[ \t]*linux[ \t][^\n]*", re.MULTILINE)
_GRUB_INITRD = re.compile(rb"^[ \t]*initrd[ \t][^\n]*?(?=[ \t\r]*$)", re.MULTILINE)
_ISOLINUX_KERNEL = re.compile(rb"^[ \t]*append[ \t][^\n]*", re.MULTILINE | re.IGNORECASE)
_ISOLINUX_INITRD = re.compile(rb"initrd=[^ \t\r\n]+")
_LIVE_ISO = re.compile(rb" ?\bcoreos\.liveiso=[^ \t\r\n]*")
_TRAILING_SPACE = b" \t\r"

_FORBIDDEN_IN_URL = re.compile(r"[^!#%-\[\]-~]")
"""All that GRUB or isolinux would not take literally between double quotes, and all blanks."""


@dataclass(frozen=True, slots=True)
class Edit:
    """C{removed} bytes at C{position} of the original give way to C{inserted}."""

    position: int
    removed: int
    inserted: bytes


@dataclass(frozen=True, slots=True)
class EditedText:
    """A text after its edits."""

    content: bytes
    edits: tuple[Edit, ...]

    @classmethod
    def of(cls, original: bytes, edits: Sequence[Edit]) -> EditedText:
        """C{original} with C{edits} made in it, whose positions all count in the original."""
        ordered = tuple(sorted(edits, key=lambda edit: (edit.position, edit.removed)))
        parts, position = [], 0
        for edit in ordered:
            parts += [original[position : edit.position], edit.inserted]
            position = edit.position + edit.removed
        return cls(b"".join([*parts, original[position:]]), ordered)

    def moved(self, offset: int) -> int:
        """Where the byte that was at C{offset} of the original is now."""
        change = 0
        for edit in self.edits:
            if edit.position + edit.removed > offset:
                break
            change += len(edit.inserted) - edit.removed
        return offset + change


def rootfs_argument(rootfs_url: str) -> str:
    """
    The kernel argument that has the root file system fetched from C{rootfs_url}.

    @raise IsoError: the URL has characters that boot loaders would interpret.
    """
    bad = _FORBIDDEN_IN_URL.search(rootfs_url)
    if bad is not None:
        raise IsoError(
            f"the rootfs URL contains {bad[0]!r}, which boot loaders do not take literally; "
            "expected ASCII without $, \\, double quotes and blanks"
        )
    return f'coreos.live.rootfs_url="{rootfs_url}"'


def without_live_iso(arguments: str, rootfs_url: str) -> str:
    """Kernel arguments as L{for_minimal_iso} leaves them on the kernel line."""
    kept = _LIVE_ISO.sub(b"", arguments.encode(errors="surrogateescape"))
    rest = kept.decode(errors="surrogateescape").strip()
    return f"{rest} {rootfs_argument(rootfs_url)}".lstrip()


def for_minimal_iso(
    path: str, original: bytes, rootfs_url: str, initrds: Sequence[str]
) -> EditedText | None:
    """
    The boot configuration of the minimal ISO; None when C{original} has no kernel line.

    @param path: tells isolinux's files from GRUB's.
    @param initrds: paths in the ISO that are added to the initial ramdisk.
    @raise IsoError: a rootfs URL that cannot be used, or a kernel without a ramdisk.
    """
    is_isolinux = path.endswith("isolinux.cfg")
    kernel = (_ISOLINUX_KERNEL if is_isolinux else _GRUB_KERNEL).search(original)
    if kernel is None:
        return None
    edits = _kernel_edits(original, kernel, rootfs_argument(rootfs_url))
    if is_isolinux:
        initrd = _ISOLINUX_INITRD.search(original, kernel.start(), kernel.end())
        more = "".join(f",{path}" for path in initrds)
    else:
        initrd = _GRUB_INITRD.search(original)
        more = "".join(f" {path}" for path in initrds)
    if initrd is None:
        raise IsoError(f"{path} boots a kernel without an initrd")
    return EditedText.of(original, [*edits, Edit(initrd.end(), 0, more.encode())])


def _kernel_edits(original: bytes, kernel: re.Match[bytes], argument: str) -> list[Edit]:
    """Take the live ISO's argument out and put C{argument} at the line's end."""
    line = kernel[0].rstrip(_TRAILING_SPACE)
    edits = [
        Edit(kernel.start() + found.start(), len(found[0]), b"")
        for found in _LIVE_ISO.finditer(line)
    ]
    return [*edits, Edit(kernel.start() + len(line), 0, f" {argument}".encode())]
