"""
The sample image: a tree made into an ISO by pycdlib alone.

It has Rock Ridge and Joliet names, and where isolinux is there El Torito and an isohybrid MBR.
"""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path, PurePosixPath

from pycdlib import PyCdlib
from pycdlib.pycdlibexception import PyCdlibException

from assisted_images.rootfs.cpio import archive
from demo.ingredients import Found
from demo.ramdisk import initial_ramdisk
from demo.tree import Ingredients, Tree, image_tree

VOLUME_ID = "rhcos-sample"

_ROOTFS_BYTES = 8 << 20
_ISOLINUX_BINARY = "isolinux/isolinux.bin"
_BOOT_CATALOG = "isolinux/boot.cat"


def sample_tree(found: Found) -> Tree:
    """The sample's files; placeholders stand for a kernel or a busybox that is not there."""
    kernel = found.kernel.read_bytes() if found.kernel else b"no kernel was found\n"
    busybox = found.busybox.read_bytes() if found.busybox else b"no busybox was found\n"
    return image_tree(
        Ingredients(
            volume_id=VOLUME_ID,
            kernel=kernel,
            initrd=initial_ramdisk(busybox),
            rootfs=archive("root.squashfs", bytes(_ROOTFS_BYTES), 0o100644),
            isolinux={name: path.read_bytes() for name, path in found.isolinux.items()},
        )
    )


def write_image(tree: Tree, target: Path) -> None:
    """Make the ISO C{target} of a tree; it appears under its name only once it is whole."""
    iso = PyCdlib()
    iso.new(interchange_level=1, rock_ridge="1.09", joliet=3, vol_ident=VOLUME_ID)
    names = _iso_names(tree)
    for path in sorted(names):
        iso_path, pure = names[path], PurePosixPath(path)
        joliet = f"/{path}"
        if path in tree:
            content = tree[path]
            iso.add_fp(
                BytesIO(content), len(content), f"{iso_path};1", pure.name, joliet_path=joliet
            )
        else:
            iso.add_directory(iso_path, pure.name, joliet_path=joliet)
    if _ISOLINUX_BINARY in tree:
        _make_bootable(iso, names[_ISOLINUX_BINARY])
    partial = target.with_suffix(".part")
    iso.write(str(partial))
    iso.close()
    partial.replace(target)


def _make_bootable(iso: PyCdlib, boot_file: str) -> None:
    """Add what a BIOS starts isolinux by: from a CD, and where isolinux allows it from a disk."""
    iso.add_eltorito(
        f"{boot_file};1",
        f"{PurePosixPath(boot_file).parent}/BOOT.CAT;1",
        rr_bootcatname=PurePosixPath(_BOOT_CATALOG).name,
        joliet_bootcatfile=f"/{_BOOT_CATALOG}",
        boot_load_size=4,
        boot_info_table=True,
    )
    try:
        iso.add_isohybrid()
    except PyCdlibException:  # an isolinux without the code for disks: CD only
        return


def _iso_names(tree: Tree) -> dict[str, str]:
    """
    ISO 9660 names for all files and their directories: 8.3, upper case, digits and underscores.

    Rock Ridge and Joliet keep the real ones.
    """
    names = {"": ""}
    for path in tree:
        pure = PurePosixPath(path)
        for known in [*[str(parent) for parent in reversed(pure.parents[:-1])], path]:
            parent, _, name = known.rpartition("/")
            stem, _, suffix = name.partition(".")
            short = ".".join(part for part in (_legal(stem, 8), _legal(suffix, 3)) if part)
            dot = "" if "." in short or known != path else "."
            names[known] = f"{names[parent]}/{short}{dot}"
    del names[""]
    if len(set(names.values())) < len(names):
        raise ValueError("two files of the image have the same short name")
    return names


def _legal(text: str, length: int) -> str:
    return re.sub("[^A-Z0-9_]", "_", text.upper())[:length]
