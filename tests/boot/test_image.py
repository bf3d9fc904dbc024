"""The images that machines boot from are what they are taken for."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.boot.image import (
    AREA_IN_INITRD,
    EROFS,
    GRUB_ONLY,
    OF_2021,
    S390X,
    X86_64,
    BuiltImage,
    Variant,
    build_image,
)
from tests.coreos_reader import CoreosIso

_ROOTFS_BYTES = 1 << 20
_AREA_BYTES = 262_144


class BuiltImageTests(SynchronousTestCase):
    """Looked at as coreos-installer does."""

    def built(self, variant: Variant) -> BuiltImage:
        return build_image(Path(self.mktemp()).resolve(), _ROOTFS_BYTES, variant)

    def iso(self, variant: Variant) -> CoreosIso:
        return CoreosIso(self.built(variant).path)

    def assert_reproducible(self, variant: Variant) -> None:
        """Two builds of one image are equal; no assertEqual, which would print the images."""
        first, second = (self.built(variant).path.read_bytes() for _ in range(2))
        self.assertTrue(first == second, "two builds differ")

    def test_builds_with_isohybrid_are_equal(self) -> None:
        self.assert_reproducible(X86_64)

    def test_builds_without_isohybrid_are_equal(self) -> None:
        self.assert_reproducible(GRUB_ONLY)

    def test_builds_by_xorriso_are_equal(self) -> None:
        self.assert_reproducible(S390X)

    def test_builds_with_erofs_are_equal(self) -> None:
        self.assert_reproducible(EROFS)

    def test_other_contents_make_another_image(self) -> None:
        """The rest of what is compared here is not made equal by being overwritten."""
        other = build_image(Path(self.mktemp()).resolve(), _ROOTFS_BYTES + 1)
        self.assertTrue(self.built(X86_64).path.read_bytes() != other.path.read_bytes())

    def test_the_rootfs_lies_first(self) -> None:
        """So everything else moves in a minimal ISO."""
        iso = self.iso(X86_64)
        large = {path: iso.area(path)[0] for path in iso.paths if iso.area(path)[1]}
        self.assertEqual(min(large, key=large.__getitem__), "images/pxeboot/rootfs.img")

    def test_today(self) -> None:
        iso = self.iso(X86_64)
        self.assertEqual(iso.ignition_area, iso.area("images/ignition.img"))
        self.assertEqual(
            iso.kernel_arguments.keys(), {"EFI/redhat/grub.cfg", "isolinux/isolinux.cfg"}
        )

    def test_grub_only(self) -> None:
        self.assertNotIn("isolinux/isolinux.bin", self.iso(GRUB_ONLY).paths)

    def test_of_2021(self) -> None:
        """Only the marker tells where kernel arguments go."""
        iso = self.iso(OF_2021)
        self.assertEqual([path for path in iso.paths if path.startswith("coreos/")], [])
        grub = iso.read("EFI/redhat/grub.cfg")
        self.assertRegex(grub, rb"\n#+# COREOS_KARG_EMBED_AREA\n")

    def test_area_in_initrd(self) -> None:
        """At an offset, and nowhere else."""
        iso = self.iso(AREA_IN_INITRD)
        self.assertNotIn("images/ignition.img", iso.paths)
        start, length = iso.area("images/pxeboot/initrd.img")
        offset, size = iso.ignition_area
        self.assertGreater(offset, start)
        self.assertEqual((offset + size, size), (start + length, _AREA_BYTES))
        self.assertEqual(iso.at(iso.ignition_area), bytes(_AREA_BYTES))
        self.assertNotIn(b"ignition.img", iso.read("isolinux/isolinux.cfg"))

    def test_s390x(self) -> None:
        """Both areas are in cdboot.img, and the arguments' has no marker."""
        iso = self.iso(S390X)
        start, length = iso.area("images/cdboot.img")
        for offset, size in [iso.ignition_area, *iso.kernel_argument_areas.values()]:
            self.assertGreater(offset, start)
            self.assertLess(offset + size, start + length)
        self.assertEqual(iso.kernel_arguments.keys(), {"images/cdboot.img"})
        self.assertNotIn(b"COREOS_KARG", iso.read("images/cdboot.img"))
