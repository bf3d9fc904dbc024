"""
The files of a CoreOS live ISO for x86_64, before they are made into an ISO.

The layout is that of the CoreOS pipelines: boot configurations for isolinux and GRUB whose kernel
arguments have room to grow, an empty Ignition area, and the JSON files that say where both are.
C{demo.sample_image} makes an ISO of such a tree in Python; the boot tests make one with genisoimage
and isohybrid.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

Tree = dict[str, bytes]
"""Content by path, such as C{images/pxeboot/vmlinuz}."""

KERNEL = "images/pxeboot/vmlinuz"
INITRD = "images/pxeboot/initrd.img"
ROOTFS = "images/pxeboot/rootfs.img"
IGNITION = "images/ignition.img"
EFIBOOT = "images/efiboot.img"
GRUB_CONFIGURATION = "EFI/redhat/grub.cfg"
ISOLINUX_CONFIGURATION = "isolinux/isolinux.cfg"

IGNITION_AREA_BYTES = 262_144
KERNEL_ARGUMENT_AREA_BYTES = 1139
MARKER = "# COREOS_KARG_EMBED_AREA\n"

_GRUB = """\
set timeout=0
set timeout_style=hidden

menuentry 'RHEL CoreOS (Live)' --class fedora --class gnu-linux --class os {{
	linux /{kernel} {area}{marker}\
	initrd {grub_initrds}
}}
"""

_ISOLINUX = """\
serial 0
default linux
timeout 1
prompt 0

label linux
  menu label ^RHEL CoreOS (Live)
  kernel /{kernel}
  append initrd={isolinux_initrds} {area}{marker}\
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredients:
    """What a tree is made of."""

    volume_id: str
    """Begins with C{rhcos-}; also the value of the C{coreos.liveiso} kernel argument."""

    kernel: bytes = field(repr=False)
    initrd: bytes = field(repr=False)
    rootfs: bytes = field(repr=False)
    isolinux: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """The BIOS boot loader's files by name; empty where the machine has none."""

    efiboot: bytes = field(default=b"", repr=False)
    """The EFI boot loader: a FAT file system; empty to do without."""

    ignition_area_in_initrd: bool = False
    """Whether the Ignition area is the end of the initial ramdisk, and no file of its own."""

    @property
    def kernel_arguments(self) -> str:
        """The arguments that the image has from the start."""
        return (
            f"coreos.liveiso={self.volume_id} ignition.firstboot ignition.platform.id=metal"
            " console=ttyS0 quiet"
        )


def image_tree(ingredients: Ingredients) -> Tree:
    """All files of the image."""
    grub = _boot_configuration(_GRUB, ingredients)
    isolinux = _boot_configuration(_ISOLINUX, ingredients)
    areas = [
        _kernel_argument_area(GRUB_CONFIGURATION, grub, ingredients.kernel_arguments),
        _kernel_argument_area(ISOLINUX_CONFIGURATION, isolinux, ingredients.kernel_arguments),
    ]
    tree = {
        GRUB_CONFIGURATION: grub,
        "coreos/features.json": _json({"live-initrd-network": True}),
        "coreos/kargs.json": _json(
            {
                "default": ingredients.kernel_arguments,
                "files": areas,
                "size": KERNEL_ARGUMENT_AREA_BYTES,
            }
        ),
        KERNEL: ingredients.kernel,
        ROOTFS: ingredients.rootfs,
        ISOLINUX_CONFIGURATION: isolinux,
    }
    tree |= _initrd_and_ignition_area(ingredients)
    tree |= {f"isolinux/{name}": content for name, content in ingredients.isolinux.items()}
    if ingredients.efiboot:
        tree[EFIBOOT] = ingredients.efiboot
    return tree


def _initrd_and_ignition_area(ingredients: Ingredients) -> Tree:
    area = bytes(IGNITION_AREA_BYTES)
    if not ingredients.ignition_area_in_initrd:
        place: dict[str, object] = {"file": IGNITION}
        files = {INITRD: ingredients.initrd, IGNITION: area}
    else:
        place = {"file": INITRD, "offset": len(ingredients.initrd), "length": len(area)}
        files = {INITRD: ingredients.initrd + area}
    return files | {"coreos/igninfo.json": _json(place)}


def _boot_configuration(template: str, ingredients: Ingredients) -> bytes:
    """A boot loader's configuration with the kernel arguments, padded to the size of their area."""
    area = f"{ingredients.kernel_arguments}\n".ljust(KERNEL_ARGUMENT_AREA_BYTES, "#")
    if len(area) > KERNEL_ARGUMENT_AREA_BYTES:
        raise ValueError(f"{len(area)} bytes of kernel arguments in an area that is smaller")
    initrds = [f"/{INITRD}"]
    if not ingredients.ignition_area_in_initrd:
        initrds.append(f"/{IGNITION}")
    return template.format(
        kernel=KERNEL,
        grub_initrds=" ".join(initrds),
        isolinux_initrds=",".join(initrds),
        area=area,
        marker=MARKER,
    ).encode("ascii")


def _kernel_argument_area(path: str, content: bytes, kernel_arguments: str) -> dict[str, object]:
    """An entry of C{kargs.json}: C{offset} is where the arguments begin in the file."""
    return {
        "end": "\n",
        "offset": content.index(kernel_arguments.encode("ascii")),
        "pad": "#",
        "path": path,
    }


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2).encode("ascii") + b"\n"
