"""C{assisted-images customise}: an ISO with a configuration in it, as the service serves it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.python import usage

from assisted_images.commands.iso_options import IsoOptions
from assisted_images.commands.isos import opened_iso
from assisted_images.commands.kernel_arguments import KernelArgumentOptions
from assisted_images.commands.progress import bar_of_bytes
from assisted_images.commands.writing import NewFile, Output, StandardOutput, write
from assisted_images.iso9660.errors import IsoError
from assisted_images.live.compose import discovery_iso, pxe_initrd
from assisted_images.live.layout import Layout, read_layout
from assisted_images.live.minimal import build_minimal_iso
from assisted_images.rootfs.nmstate import nmstate_archive
from assisted_images.store.image_bytes import ImageBytes, all_read
from assisted_images.values import Configuration
from httpd.concurrency.threads import threads_of
from httpd.representation.segments import Representation


class CustomiseOptions(IsoOptions, KernelArgumentOptions):
    """The command line."""

    command = "customise"
    optParameters = [  # noqa: RUF012
        ["ignition", None, None, "file with the Ignition config (required)"],
        ["ramdisk", None, None, "file with a gzipped cpio, such as of network configurations"],
        ["rootfs-url", None, None, "where a minimal ISO fetches its root file system"],
        ["output", "o", None, "file to be made, or - for standard output (required)"],
        *IsoOptions.optParameters,
    ]
    optFlags = [  # noqa: N815, RUF012
        [
            "minimal",
            None,
            "make the minimal ISO, without root file system; needs --rootfs-url",
        ],
        ["initrd", None, "make the initial ramdisk for PXE"],
        ["nmstate", None, "add nmstatectl, as the service does from OpenShift 4.18 on"],
        ["force", None, "replace the file that is there already"],
    ]
    longdesc = (
        "Writes a CoreOS live ISO with an Ignition config, kernel arguments and a ramdisk in it:"
        " the bytes that the service would serve. Each option of the network is also a variable of"
        " the environment. Of kernel arguments first all is deleted, then appended, then replaced."
    )
    examples = (
        "assisted-images customise --ignition host.ign --kargs console=ttyS0 -o host.iso"
        " rhcos-live.x86_64.iso",
        "assisted-images customise --ignition host.ign --kargs-delete ignition.firstboot"
        " --kargs-replace ignition.platform.id=metal=qemu -o host.iso rhcos-live.x86_64.iso",
        "assisted-images customise --ignition host.ign --minimal"
        " --rootfs-url http://mirror.example.com/rootfs.img -o -"
        " https://mirror.example.com/rhcos-live.x86_64.iso | ssh host 'cat > host.iso'",
        "assisted-images customise --ignition host.ign --ramdisk network.cpio.gz --initrd"
        " -o initrd.img rhcos-live.x86_64.iso",
    )

    def postOptions(self) -> None:
        """
        Check everything.

        @raise usage.UsageError: with what is wrong.
        """
        for wrong, text in (
            (self["ignition"] is None, "--ignition is missing; expected a file"),
            (self["output"] is None, "--output is missing; expected a file, or -"),
            (self["minimal"] and self["initrd"], "--minimal and --initrd; expected one of them"),
            (
                bool(self["minimal"]) != (self["rootfs-url"] is not None),
                "--minimal and --rootfs-url go together; expected both or none",
            ),
            (
                self["initrd"] and self.edits,
                "--kargs with --initrd; an initrd has none: they go to the boot loader",
            ),
        ):
            if wrong:
                raise usage.UsageError(text)
        super().postOptions()

    def open_output(self) -> Output:
        """
        Open what is to be written.

        @raise OSError: it cannot be; for one, because it is there already.
        """
        if self["output"] == "-":
            return StandardOutput(sys.stdout.buffer)
        return NewFile(Path(self["output"]), replace=bool(self["force"]))


@dataclass(frozen=True, slots=True)
class _Recipe:
    """What is to be made."""

    configuration: Configuration
    rootfs_url: str | None
    initrd: bool
    nmstate: bool

    def made(self, image: ImageBytes) -> Representation:
        """
        Make it of an ISO.  Blocking.

        @raise OSError: that cannot be read.
        @raise IsoError: it is no live ISO, or has no place for something.
        @raise ValueError: something is too large for its place, or cannot be written.
        """
        with all_read(image):
            with image.open() as file:
                layout = read_layout(file)
                nmstate = self._nmstate(file, layout)
                whole = image.representation()
                if self.initrd:
                    return pxe_initrd(whole, layout, self.configuration, nmstate)
                if self.rootfs_url is not None:
                    minimal = build_minimal_iso(file, image.source, self.rootfs_url, nmstate)
                    return discovery_iso(minimal.image, minimal.layout, self.configuration)
            return discovery_iso(whole, layout, self.configuration)

    def _nmstate(self, file: Any, layout: Layout) -> Representation | None:
        if not self.nmstate:
            return None
        if layout.rootfs is None:
            raise IsoError("there is no nmstatectl to be had: the image has no root file system")
        return Representation.from_bytes(nmstate_archive(file, layout.rootfs))


async def customise(reactor: Any, options: CustomiseOptions) -> None:
    """
    Write the ISO, or the initial ramdisk; on a terminal with a progress bar.

    @raise OSError: something cannot be read or written.
    @raise DownloadError: the server cannot be asked.
    @raise IsoError: the ISO is none, or has no place for something.
    @raise ValueError: something is too large for its place, or cannot be written.
    """
    run_in_thread = threads_of(reactor)
    recipe = await run_in_thread(_read_recipe, options)
    async with opened_iso(reactor, options.place, options.settings) as image:
        result = await run_in_thread(recipe.made, image)
        with (
            options.open_output() as output,
            bar_of_bytes(options["output"], result.length) as bar,
        ):
            await write(result, output, run_in_thread, bar.update)


def _read_recipe(options: CustomiseOptions) -> _Recipe:
    ramdisk = options["ramdisk"]
    return _Recipe(
        Configuration(
            Path(options["ignition"]).read_bytes(),
            b"" if ramdisk is None else Path(ramdisk).read_bytes(),
            options.kernel_arguments,
        ),
        options["rootfs-url"],
        bool(options["initrd"]),
        bool(options["nmstate"]),
    )
