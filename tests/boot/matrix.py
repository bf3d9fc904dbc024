"""The boot matrix: which images boot by which way, each of them a machine of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from tests.boot.image import (
    APPENDED,
    AREA_IN_INITRD,
    BASDAT,
    BEYOND_4_GIB,
    EROFS,
    GRUB_ONLY,
    OF_2021,
    X86_64,
    Variant,
)


class Firmware(StrEnum):
    """What starts the boot loader."""

    BIOS = "BIOS"
    UEFI = "UEFI"


class Medium(StrEnum):
    """What the firmware finds the boot loader on, or what it is replaced by."""

    CD = "CD"
    USB_DISK = "USB disk"
    USB_PARTITION = "USB disk's EFI partition"
    """As of firmware that does not know El Torito on disks."""

    HTTP = "HTTP boot"
    IPXE = "iPXE"
    LOADED = "loaded kernel"
    """Kernel and initrd come from elsewhere, as with another PXE server."""


class Product(StrEnum):
    """What is asked of the service."""

    FULL = "full ISO"
    MINIMAL = "minimal ISO"
    INITRD = "initrd"


@dataclass(frozen=True, slots=True)
class Cell:
    """One way to boot one image."""

    firmware: Firmware
    medium: Medium
    product: Product
    variant: Variant = X86_64
    large_ignition: bool = False
    """Whether the Ignition config is larger than its area in the image."""

    @property
    def name(self) -> str:
        """In words, such as "UEFI CD minimal ISO erofs"."""
        words = [self.firmware, self.medium, self.product, self.variant.name]
        return " ".join([*filter(None, words), *["large Ignition"] * self.large_ignition])

    @property
    def test_name(self) -> str:
        """The name as a part of a test method's."""
        return re.sub(r"[^a-z0-9]+", "_", self.name.lower())

    @property
    def has_ramdisk(self) -> bool:
        """Whether static network files and nmstatectl reach the machine, too."""
        return self.product is not Product.FULL

    @property
    def has_kernel_arguments(self) -> bool:
        """Whether the infra-env's do; a loaded kernel has its administrator's."""
        return self.medium is not Medium.LOADED

    @property
    def edits_kernel_arguments(self) -> bool:
        """Whether those of the image can be deleted and replaced; ISOs of 2021 only have room."""
        return self.product is Product.INITRD or self.variant.areas_in_json


BIOS, UEFI = Firmware
ISOS = (Product.FULL, Product.MINIMAL)

ESSENTIAL = (
    *(Cell(firmware, Medium.CD, iso) for firmware, iso in product(Firmware, ISOS)),
    Cell(BIOS, Medium.IPXE, Product.INITRD),
)
"""What C{make test} boots."""

_FURTHER_MEDIA = (
    *(Cell(firmware, Medium.USB_DISK, iso) for firmware, iso in product(Firmware, ISOS)),
    *(Cell(UEFI, Medium.USB_PARTITION, iso) for iso in ISOS),
    *(Cell(UEFI, Medium.HTTP, iso) for iso in ISOS),
    Cell(UEFI, Medium.IPXE, Product.INITRD),
    Cell(BIOS, Medium.LOADED, Product.INITRD),
)
_LARGE_IGNITION = (
    *(
        Cell(firmware, Medium.CD, iso, large_ignition=True)
        for firmware, iso in product(Firmware, ISOS)
    ),
    Cell(BIOS, Medium.USB_DISK, Product.FULL, large_ignition=True),
    Cell(UEFI, Medium.USB_PARTITION, Product.MINIMAL, large_ignition=True),
    Cell(UEFI, Medium.HTTP, Product.FULL, large_ignition=True),
    Cell(BIOS, Medium.IPXE, Product.INITRD, large_ignition=True),
)
_OTHER_IMAGES = (
    *(Cell(UEFI, Medium.CD, iso, GRUB_ONLY) for iso in ISOS),
    *(
        Cell(firmware, Medium.CD, iso, variant)
        for variant in (OF_2021, AREA_IN_INITRD)
        for firmware, iso in product(Firmware, ISOS)
    ),
    Cell(BIOS, Medium.CD, Product.MINIMAL, EROFS),
    Cell(BIOS, Medium.CD, Product.FULL, BEYOND_4_GIB),
    Cell(UEFI, Medium.USB_DISK, Product.MINIMAL, BEYOND_4_GIB),
    Cell(UEFI, Medium.CD, Product.FULL, BEYOND_4_GIB, large_ignition=True),
    Cell(BIOS, Medium.LOADED, Product.INITRD, AREA_IN_INITRD),
)
_BY_XORRISO = (
    Cell(BIOS, Medium.USB_DISK, Product.FULL, BASDAT, large_ignition=True),
    Cell(UEFI, Medium.USB_PARTITION, Product.MINIMAL, BASDAT),
    Cell(UEFI, Medium.CD, Product.FULL, APPENDED, large_ignition=True),
    Cell(UEFI, Medium.USB_PARTITION, Product.FULL, APPENDED, large_ignition=True),
    Cell(UEFI, Medium.CD, Product.MINIMAL, APPENDED),
    Cell(UEFI, Medium.USB_PARTITION, Product.MINIMAL, APPENDED, large_ignition=True),
    Cell(BIOS, Medium.USB_DISK, Product.MINIMAL, APPENDED, large_ignition=True),
)
ON_DEMAND = tuple(
    Cell(firmware, Medium.CD, iso, BEYOND_4_GIB) for firmware, iso in product(Firmware, ISOS)
)
"""What has to boot from an image that stays at its origin."""

MATRIX = (*ESSENTIAL, *_FURTHER_MEDIA, *_LARGE_IGNITION, *_OTHER_IMAGES, *_BY_XORRISO)
"""All that has to boot."""
