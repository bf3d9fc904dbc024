"""The sample image has the layout of a CoreOS live ISO, with or without what makes it boot."""

from __future__ import annotations

import struct
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from demo.ingredients import Found, find_ingredients, is_kernel, is_static_program
from demo.sample_image import VOLUME_ID, sample_tree, write_image
from tests.coreos_reader import CoreosIso

_PT_LOAD, _PT_INTERP = 1, 3


def program(*headers: int, machine: int = 62) -> bytes:
    """An ELF program for 64 bits with program headers of these types."""
    start = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack("<HHI", 2, machine, 1)
    start += struct.pack("<QQQIHHHHHH", 0, 64, 0, 0, 64, 56, len(headers), 0, 0, 0)
    return start + b"".join(struct.pack("<I", header).ljust(56, b"\0") for header in headers)


class IngredientTests(SynchronousTestCase):
    """What is taken for a kernel and for a busybox that runs alone."""

    def test_a_dynamically_linked_busybox_is_none(self) -> None:
        self.assertTrue(is_static_program(program(_PT_LOAD, _PT_LOAD)))
        self.assertFalse(is_static_program(program(_PT_LOAD, _PT_INTERP)))

    def test_a_busybox_of_another_architecture_is_none(self) -> None:
        self.assertFalse(is_static_program(program(_PT_LOAD, machine=183)))
        self.assertFalse(is_static_program(b"#!/bin/sh\n"))

    def test_a_kernel_has_a_64_bit_entry(self) -> None:
        header = bytearray(0x400)
        header[0x202:0x206] = b"HdrS"
        self.assertFalse(is_kernel(bytes(header)))
        header[0x236] = 1
        self.assertTrue(is_kernel(bytes(header)))
        self.assertFalse(is_kernel(b"HdrS"))

    def test_what_is_missing_is_named(self) -> None:
        root = Path(self.mktemp())
        busybox = root / "bin/busybox"
        busybox.parent.mkdir(parents=True)
        busybox.write_bytes(program(_PT_INTERP))
        found = find_ingredients(root)
        self.assertEqual(
            found.missing,
            ("a readable Linux kernel for x86_64", "a statically linked busybox", "isolinux"),
        )
        busybox.write_bytes(program(_PT_LOAD))
        self.assertEqual(find_ingredients(root).busybox, busybox)


class SampleImageTests(SynchronousTestCase):
    """The image is read by the tests' own reader."""

    def image(self, found: Found) -> CoreosIso:
        path = Path(self.mktemp())
        write_image(sample_tree(found), path)
        return CoreosIso(path)

    def test_placeholder_has_all_areas(self) -> None:
        """Nothing is found on this machine: customisation can be seen all the same."""
        iso = self.image(Found(kernel=None, busybox=None))
        self.assertEqual(iso.volume_id, VOLUME_ID)
        self.assertEqual(iso.at(iso.ignition_area), bytes(262_144))
        self.assertEqual(
            iso.kernel_arguments,
            {
                "EFI/redhat/grub.cfg": iso.default_kernel_arguments,
                "isolinux/isolinux.cfg": iso.default_kernel_arguments,
            },
        )
        for path in ("vmlinuz", "initrd.img", "rootfs.img"):
            self.assertTrue(iso.read(f"images/pxeboot/{path}"))

    def test_the_marker_follows_each_area(self) -> None:
        """Tools of 2021 look for it."""
        iso = self.image(Found(kernel=None, busybox=None))
        for path, (offset, length) in iso.kernel_argument_areas.items():
            marker = b"# COREOS_KARG_EMBED_AREA\n"
            self.assertEqual(iso.at((offset + length, len(marker))), marker, path)

    def test_boot_loader(self) -> None:
        """Where isolinux is found the image has it, with its boot info table filled in."""
        directory = Path(self.mktemp())
        directory.mkdir()
        loader = directory / "isolinux.bin"
        loader.write_bytes(bytes(range(256)) * 16)
        iso = self.image(Found(kernel=None, busybox=None, isolinux={"isolinux.bin": loader}))
        offset, length = iso.area("isolinux/isolinux.bin")
        table = struct.unpack_from("<3I", iso.at((offset, length)), 8)
        self.assertEqual(table, (16, offset // 2048, length))
        self.assertIn("isolinux/boot.cat", iso.paths)
