"""Images without Rock Ridge: what is looked for is found by other names, and in all places."""

from __future__ import annotations

import random
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.live.compose import NoKernelArgumentArea, discovery_iso
from assisted_images.live.layout import Layout, read_layout
from assisted_images.values import Configuration
from tests.assisted_images.kernel_arguments import appended
from tests.assisted_images.live.hybrids import write_mkisofs
from tests.assisted_images.live.images import (
    DEFAULT_ARGUMENTS,
    VOLUME_ID,
    FileSource,
    Tree,
    filler,
    lay_out,
    run,
    tree,
    write_genisoimage,
)
from tests.assisted_images.live.rendering import whole, written

LARGE = random.Random(8).randbytes(600 << 10)
GRUB, ISOLINUX, IGNITION = "EFI/redhat/grub.cfg", "isolinux/isolinux.cfg", "images/ignition.img"

Write = Callable[[Tree, Path], Path]


def genisoimage(*options: str) -> Write:
    def write(files: Tree, target: Path) -> Path:
        with tempfile.TemporaryDirectory(dir=target.parent) as directory:
            lay_out(files, Path(directory))
            run("genisoimage", "-quiet", "-V", VOLUME_ID, *options, "-o", str(target), directory)
        return target

    return write


def xorriso(*options: str) -> Write:
    def write(files: Tree, target: Path) -> Path:
        return write_mkisofs(files, target, *options, before=("-rockridge", "off"))

    return write


KINDS: dict[str, Write] = {
    "8.3": genisoimage(),
    "31 characters": genisoimage("-iso-level", "3", "-l"),
    "capitals kept": genisoimage("-iso-level", "3", "-l", "-allow-lowercase", "-N", "-d"),
    "ISO 9660:1999": genisoimage("-iso-level", "4"),
    "Joliet": genisoimage("-J"),
    "xorriso": xorriso(),
    "xorriso, Joliet": xorriso("-J"),
    "xorriso, ISO 9660:1999": xorriso("-iso-level", "4"),
}


def layout_of(path: Path) -> Layout:
    with path.open("rb") as file:
        return read_layout(file)


def composed(path: Path, configuration: Configuration) -> Path:
    image = discovery_iso(whole(FileSource(path)), layout_of(path), configuration)
    return written(image, path.with_suffix(".composed"))


def reads(path: Path, name: str) -> set[bytes]:
    """What isoinfo finds under a name, in the plain tree and in Joliet's."""
    found = set()
    for tree_kind in ((), ("-J",)):
        command = ["isoinfo", *tree_kind, "-i", str(path)]
        listing = subprocess.run([*command, "-f"], capture_output=True, check=False).stdout
        for one in listing.decode().splitlines():
            if one.lower().partition(";")[0] == f"/{name.lower()}":
                done = subprocess.run([*command, "-x", one], capture_output=True, check=True)
                found.add(done.stdout)
    return found


class NameTests(SynchronousTestCase):
    """Every kind of names is read as boot loaders read it."""

    def test_kernel_arguments_reach_all_boot_loaders(self) -> None:
        """GRUB's configuration and isolinux's have the arguments of kargs.json, and the new one."""
        for kind, write in KINDS.items():
            with self.subTest(kind):
                path = write(tree(), Path(self.mktemp()))
                area = layout_of(path).kernel_argument_area
                assert area is not None, kind
                self.assertEqual((area.current, len(area.positions)), (DEFAULT_ARGUMENTS, 2), kind)
                made = composed(path, Configuration(b"{}", kernel_arguments=appended("new=1")))
                for name in (GRUB, ISOLINUX):
                    found = reads(made, name)
                    self.assertEqual(len(found), 1, f"{kind}: {name}")
                    self.assertIn(f"{DEFAULT_ARGUMENTS} new=1\n###".encode(), found.pop(), kind)

    def test_marker(self) -> None:
        """2021: the boot configurations are found without kargs.json."""
        for kind, write in KINDS.items():
            with self.subTest(kind):
                path = write(tree(kargs="marker"), Path(self.mktemp()))
                made = composed(path, Configuration(b"{}", kernel_arguments=appended("new=1")))
                for name in (GRUB, ISOLINUX):
                    (found,) = reads(made, name)
                    self.assertIn(f"{DEFAULT_ARGUMENTS} new=1\n###".encode(), found, kind)

    def test_ignition_by_all_names(self) -> None:
        """Who reads by plain names finds the large area, and who reads Joliet's."""
        for kind, write in KINDS.items():
            with self.subTest(kind):
                path = write(tree(), Path(self.mktemp()))
                made = composed(path, Configuration(LARGE))
                found = reads(made, IGNITION)
                self.assertEqual(len(found), 1, kind)
                self.assertGreater(len(found.pop()), 600 << 10, kind)

    def test_what_is_where(self) -> None:
        """The rest of a layout is the same as with Rock Ridge."""
        files = tree(kernel=filler("kernel", 9001))
        for kind, write in KINDS.items():
            with self.subTest(kind):
                path = write(files, Path(self.mktemp()))
                layout, content = layout_of(path), path.read_bytes()
                for extents, name in (
                    (layout.kernel, "vmlinuz"),
                    (layout.initrd, "initrd.img"),
                    (layout.rootfs, "rootfs.img"),
                ):
                    (extent,) = extents or ()
                    found = content[extent.offset : extent.end]
                    self.assertEqual(found, files[f"images/pxeboot/{name}"], f"{kind}: {name}")

    def test_rock_ridge_tells_capitals(self) -> None:
        """Where names are exact, others are other files."""
        files = {**tree(), "images/IGNITION.IMG": b"another", "isolinux/ISOLINUX.CFG": b"another"}
        path = genisoimage("-R", "-J")(files, Path(self.mktemp()))
        with path.open("rb") as file:
            area = read_layout(file).ignition_area
        assert area is not None
        self.assertEqual(area.length, 262144)


class OneBootLoaderTests(SynchronousTestCase):
    """Arguments that one boot loader would not get are refused."""

    def test_marker_in_one_configuration(self) -> None:
        for name in (GRUB, ISOLINUX):
            files = tree(kargs="marker")
            files[name] = tree(kargs="none")[name]
            path = write_genisoimage(files, Path(self.mktemp()))
            with self.assertRaises(NoKernelArgumentArea):
                composed(path, Configuration(b"{}", kernel_arguments=appended("new=1")))
            composed(path, Configuration(b"{}"))

    def test_configuration_that_boots_nothing(self) -> None:
        """One that leads to another needs no arguments."""
        files = {**tree(kargs="marker"), "boot/grub/grub.cfg": b"configfile /EFI/redhat/grub.cfg\n"}
        path = write_genisoimage(files, Path(self.mktemp()))
        area = layout_of(path).kernel_argument_area
        assert area is not None
        self.assertEqual(len(area.positions), 2)
