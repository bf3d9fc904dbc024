"""Each kind of image, made into a discovery image, as coreos-installer would see it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.live.compose import AreaOverflow, discovery_iso
from assisted_images.live.layout import Layout, read_layout
from assisted_images.live.minimal import build_minimal_iso
from assisted_images.values import Architecture, Configuration
from httpd.representation.segments import Representation
from tests.assisted_images.kernel_arguments import appended
from tests.assisted_images.live.images import (
    DEFAULT_ARGUMENTS,
    IGNITION_AREA_BYTES,
    FileSource,
    Tree,
    filler,
    in_initrd,
    tree,
    write_genisoimage,
    write_sparse,
    write_xorriso,
)
from tests.assisted_images.live.rendering import whole, written
from tests.coreos_reader import CoreosIso

SMALL = b'{"ignition": {"version": "3.2.0"}}'
LARGE = random.Random(3).randbytes(600 << 10)
"""An Ignition config whose archive does not fit into its area, because it does not compress."""

ROOTFS_URL = "http://images.example/boot-artifacts/rootfs?arch=x86_64&version=1"
Write = Callable[[Tree, Path], Path]


def hybrid(files: Tree, target: Path) -> Path:
    return write_genisoimage(files, target, hybrid=True)


def chrp(files: Tree, target: Path) -> Path:
    """As grub2-mkrescue makes ppc64le's."""
    options = ("-chrp-boot-part", "-hfsplus", "-apm-block-size", "2048")
    return write_xorriso(files, target, *options)


class ImageKindTests(SynchronousTestCase):
    """Ignition config and kernel arguments are found where the image's own metadata says."""

    def setUp(self) -> None:
        self.full = Path(self.mktemp())

    def layout(self) -> Layout:
        with self.full.open("rb") as file:
            return read_layout(file)

    def minimal(self) -> tuple[Representation, Layout]:
        with self.full.open("rb") as file:
            built = build_minimal_iso(file, FileSource(self.full), ROOTFS_URL, None)
        return built.image, built.layout

    def compose(
        self, image: Representation, layout: Layout, ignition: bytes, arguments: tuple[str, ...]
    ) -> CoreosIso:
        configuration = Configuration(ignition, kernel_arguments=appended(*arguments))
        result = discovery_iso(image, layout, configuration)
        return CoreosIso(written(result, Path(self.mktemp())))

    def check_one(
        self, image: Representation, layout: Layout, before: CoreosIso, ignition: bytes
    ) -> CoreosIso:
        arguments = ("a=1", "b") if before.kernel_argument_areas else ()
        iso = self.compose(image, layout, ignition, arguments)
        self.assertEqual(iso.ignition_config, ignition)
        self.assertEqual(iso.paths, before.paths)
        expected = {path: f"{old} a=1 b" for path, old in before.kernel_arguments.items()}
        areas = before.kernel_argument_areas
        self.assertEqual(iso.kernel_arguments_at(areas), expected)
        if "coreos/kargs.json" in before.paths:
            self.assertEqual(iso.kernel_argument_areas, areas)
        changed = {"images/ignition.img", *before.kernel_argument_areas}
        if "coreos/igninfo.json" in before.paths:
            self.assertEqual(iso.read("coreos/igninfo.json"), before.read("coreos/igninfo.json"))
            changed |= self.file_of_area(before)
        for path in before.paths - changed:
            self.assertEqual(iso.read(path), before.read(path), path)
        return iso

    def file_of_area(self, iso: CoreosIso) -> set[str]:
        at = iso.ignition_area[0]
        areas = {path: iso.area(path) for path in iso.paths}
        return {path for path, (start, length) in areas.items() if start <= at < start + length}

    def check(
        self, files: Tree, write: Write, *, minimal: bool = True, movable: bool = True
    ) -> None:
        write(files, self.full)
        kinds = [(whole(FileSource(self.full)), self.layout())]
        if minimal:
            kinds.append(self.minimal())
        for image, layout in kinds:
            before = CoreosIso(written(image, Path(self.mktemp())))
            iso = self.check_one(image, layout, before, SMALL)
            self.assertEqual(iso.ignition_area, before.ignition_area)
            if movable:
                self.check_moved(image, layout, before)
            else:
                with self.assertRaises(AreaOverflow):
                    self.compose(image, layout, LARGE, ())

    def check_moved(self, image: Representation, layout: Layout, before: CoreosIso) -> None:
        """The same with a config that has to go behind all that is there."""
        iso = self.check_one(image, layout, before, LARGE)
        area = iso.area("images/ignition.img")
        self.assertEqual(iso.ignition_area, area)
        self.assertEqual(area[0], image.length)
        self.assertEqual(iso.size, area[0] + area[1])
        self.assertEqual(area[1] % 2048, 0)
        if (joliet := iso.joliet_area("images/ignition.img")) is not None:
            self.assertEqual(joliet, area)

    def test_x86_64(self) -> None:
        self.check(tree(), hybrid)
        self.assertIsNotNone(CoreosIso(self.full).joliet_area("images/ignition.img"))

    def test_arm64(self) -> None:
        self.check(tree(Architecture.ARM64), write_genisoimage)

    def test_ppc64le(self) -> None:
        self.check(tree(Architecture.PPC64LE), chrp)

    def test_s390x(self) -> None:
        """All is in one file that is booted whole, NUL-padded arguments included."""
        write_xorriso(tree(Architecture.S390X), self.full)
        iso = CoreosIso(self.full)
        self.assertEqual(iso.kernel_arguments, {"images/cdboot.img": DEFAULT_ARGUMENTS})
        self.check(tree(Architecture.S390X), write_xorriso, minimal=False, movable=False)

    def test_2021(self) -> None:
        """Without igninfo.json and kargs.json, but with the marker."""
        self.check(tree(kargs="marker"), hybrid)

    def test_4_6(self) -> None:
        """Without any place for kernel arguments."""
        self.check(tree(kargs="none"), hybrid)

    def test_area_in_the_initrd(self) -> None:
        initrd = filler("initrd", 12_000) + bytes(IGNITION_AREA_BYTES) + filler("rest", 5000)
        files = in_initrd(tree(initrd=initrd), 12_000, IGNITION_AREA_BYTES)
        self.check(files, write_sparse, movable=False)

    def test_area_of_a_stated_length(self) -> None:
        """igninfo.json would not be true any more, so it stays where it is."""
        stated = b'{"file": "images/ignition.img", "offset": 0, "length": 262144}'
        self.check(tree() | {"coreos/igninfo.json": stated}, hybrid, movable=False)

    def test_without_joliet(self) -> None:
        self.check(tree(), write_sparse)
