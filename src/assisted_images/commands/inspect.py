"""C{assisted-images inspect}: what a CoreOS live ISO is, and what could be put into it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, TextIO

from assisted_images.commands.iso_options import IsoOptions
from assisted_images.commands.isos import opened_iso
from assisted_images.iso9660.volume import Volume
from assisted_images.live.embed_areas import BOOT_CONFIGURATIONS, read_kargs_json
from assisted_images.live.layout import Layout, read_layout
from assisted_images.live.moving import FixedArea
from assisted_images.store.image_bytes import ImageBytes, all_read
from assisted_images.values import Architecture, Extent
from httpd.concurrency.threads import threads_of

_BOOT_FILES = (
    (Architecture.X86_64, ("/EFI/BOOT/BOOTX64.EFI", "/isolinux/isolinux.bin")),
    (Architecture.ARM64, ("/EFI/BOOT/BOOTAA64.EFI",)),
    (Architecture.PPC64LE, ("/ppc/bootinfo.txt", "/boot/grub/powerpc.elf")),
    (Architecture.S390X, ("/generic.ins", "/images/cdboot.img")),
)
"""By which files of an image one knows what machines boot it."""


class InspectIsoOptions(IsoOptions):
    """The command line."""

    command = "inspect"
    optFlags = [["json", None, "write one JSON object"]]  # noqa: N815, RUF012
    longdesc = (
        "Shows what a CoreOS live ISO is: its version, what boots it, and the areas that an"
        " Ignition config, kernel arguments and a ramdisk go into. Of an ISO at a server only what"
        " is looked at is fetched. Each option but --json is also a variable of the environment."
    )
    examples = (
        "assisted-images inspect rhcos-live.x86_64.iso",
        "assisted-images inspect --json https://mirror.example.com/rhcos-live.x86_64.iso",
    )


@dataclass(frozen=True, slots=True)
class Area:
    """Where something goes in the ISO; bytes."""

    offset: int
    size: int
    used: int
    """Up to the last byte that is not zero."""


@dataclass(frozen=True, slots=True)
class KernelArguments:
    """The areas of kernel arguments."""

    offsets: tuple[int, ...]
    size: int
    current: str
    default: str | None
    """What C{/coreos/kargs.json} has as the image's own; None: it has no such file."""


@dataclass(frozen=True, slots=True)
class IsoReport:
    """What an ISO is; sizes in bytes."""

    volume_id: str
    version: str | None
    architectures: tuple[str, ...]
    size: int
    volume_size: int
    ignition_area: Area | None
    ignition_area_grows: bool
    """Whether a larger one may take its place."""

    why_it_does_not: str | None
    kernel_arguments: KernelArguments | None
    ramdisk_area: Area | None
    """Minimal ISOs have one."""

    kernel: int | None
    initrd: int | None
    rootfs: int | None
    boot_configurations: tuple[str, ...]

    def as_text(self) -> str:
        """For people."""
        return "\n".join(f"{name:<20} {text}" for name, text in self._rows()) + "\n"

    def _rows(self) -> Iterator[tuple[str, str]]:
        yield "volume id", self.volume_id
        yield "version", self.version or "not a CoreOS live ISO"
        yield "architecture", ", ".join(self.architectures) or "unknown"
        yield "size", _bytes(self.size)
        yield "boot configurations", ", ".join(self.boot_configurations) or "none"
        for name, size in (
            ("kernel", self.kernel),
            ("initrd", self.initrd),
            ("rootfs", self.rootfs),
        ):
            yield name, "none" if size is None else _bytes(size)
        yield "Ignition area", _area(self.ignition_area)
        grows = "yes" if self.ignition_area_grows else f"no: {self.why_it_does_not}"
        yield "  may grow", grows
        yield "ramdisk area", _area(self.ramdisk_area)
        area = self.kernel_arguments
        if area is None:
            yield "kernel arguments", "no area"
            return
        places = ", ".join(map(str, area.offsets))
        yield "kernel arguments", f"up to {area.size} bytes, at {places}"
        yield "  now", area.current
        if area.default is not None:
            yield "  by default", area.default


async def inspect_iso(reactor: Any, options: InspectIsoOptions, output: TextIO) -> None:
    """
    Write what an ISO is.

    @raise OSError: it cannot be read.
    @raise DownloadError: the server cannot be asked.
    @raise IsoError: it is no ISO, or a damaged one.
    """
    async with opened_iso(reactor, options.place, options.settings) as image:
        report = await threads_of(reactor)(read_report, image)
    if options["json"]:
        output.write(json.dumps(asdict(report), indent=1) + "\n")
    else:
        output.write(report.as_text())


def read_report(image: ImageBytes) -> IsoReport:
    """
    Read what an ISO is.  Blocking.

    @raise OSError: it cannot be read.
    @raise IsoError: it is no ISO, or a damaged one.
    """
    with all_read(image), image.open() as file:
        volume, layout = Volume(file), read_layout(file)
        return _report(volume, layout)


def _report(volume: Volume, layout: Layout) -> IsoReport:
    movable = layout.movable_ignition_area
    return IsoReport(
        volume_id=layout.volume_id,
        version=layout.os_version,
        architectures=tuple(
            one.value for one, paths in _BOOT_FILES if any(map(volume.find, paths))
        ),
        size=volume.file_size,
        volume_size=layout.size,
        ignition_area=_found(volume, layout.ignition_area),
        ignition_area_grows=not isinstance(movable, FixedArea),
        why_it_does_not=movable.reason if isinstance(movable, FixedArea) else None,
        kernel_arguments=_kernel_arguments(volume, layout),
        ramdisk_area=_found(volume, layout.ramdisk_area),
        kernel=_length(layout.kernel),
        initrd=_length(layout.initrd),
        rootfs=_length(layout.rootfs),
        boot_configurations=tuple(filter(volume.find, BOOT_CONFIGURATIONS)),
    )


def _kernel_arguments(volume: Volume, layout: Layout) -> KernelArguments | None:
    area = layout.kernel_argument_area
    if area is None:
        return None
    kargs = read_kargs_json(volume)
    default = None if kargs is None else kargs.default
    return KernelArguments(area.positions, area.size, area.current, default)


def _found(volume: Volume, extent: Extent | None) -> Area | None:
    if extent is None:
        return None
    used = len(volume.read_extent(extent).rstrip(b"\0"))
    return Area(extent.offset, extent.length, used)


def _length(extents: tuple[Extent, ...] | None) -> int | None:
    return None if extents is None else sum(extent.length for extent in extents)


def _area(area: Area | None) -> str:
    if area is None:
        return "none"
    use = f"{area.used} bytes of it used" if area.used else "empty"
    return f"{_bytes(area.size)} at {area.offset}, {use}"


def _bytes(size: int) -> str:
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size} bytes ({size / unit:.1f} {name})"
    return f"{size} bytes"
