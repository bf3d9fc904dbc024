"""Discovery images against the bytes of the image that they are made of."""

from __future__ import annotations

import gzip
import io
import subprocess
from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.live.compose import (
    AreaOverflow,
    BadKernelArgument,
    IsoError,
    NoKernelArgumentArea,
    boot_artifact,
    discovery_iso,
    initrd_addrsize,
    pxe_initrd,
)
from assisted_images.live.kargs import KernelArgumentArea
from assisted_images.live.layout import Layout, read_layout
from assisted_images.live.minimal import build_minimal_iso
from assisted_images.live.moving import FixedArea
from assisted_images.rootfs import cpio
from assisted_images.values import Architecture, Configuration, Extent
from httpd.representation.segments import Representation
from tests.assisted_images.kernel_arguments import appended
from tests.assisted_images.live.images import (
    DEFAULT_ARGUMENTS,
    FileSource,
    filler,
    in_initrd,
    tree,
    write_genisoimage,
    write_sparse,
    write_xorriso,
)
from tests.assisted_images.live.rendering import whole, written
from tests.coreos_reader import CoreosIso
from tests.httpd.representation.test_segments import rendered
from tests.properties import given, settings

ignitions = st.binary(min_size=1, max_size=400)
arguments = st.lists(
    st.from_regex(r"[a-z][a-z.]{0,9}=[!-\"$-~]{0,20}", fullmatch=True), max_size=4
).map(tuple)

EMPTY = Layout("rhcos-x", 0, None, None, None, "vmlinuz", *(None,) * 5, FixedArea("none"))


def config_in(area: bytes) -> bytes:
    """The Ignition config, as the Linux kernel would unpack it from the area."""
    raw = gzip.decompress(area)
    (member,) = cpio.members(io.BytesIO(raw), Extent(0, len(raw)))
    assert (member.name, member.mode) == ("config.ign", 0o100644), member
    return raw[member.content.offset : member.content.end]


class DiscoveryIsoTests(SynchronousTestCase):
    """Only the areas change, and they hold what the infra-env has."""

    def setUp(self) -> None:
        self.original = write_genisoimage(tree(), Path(self.mktemp())).read_bytes()

    @settings(max_examples=40)
    @given(ignitions, arguments)
    def test_full(self, ignition: bytes, kernel_arguments: tuple[str, ...]) -> None:
        original = self.original
        layout = read_layout(io.BytesIO(original))
        area, kargs = layout.ignition_area, layout.kernel_argument_area
        assert area is not None
        assert kargs is not None
        configuration = Configuration(ignition, kernel_arguments=appended(*kernel_arguments))
        image = discovery_iso(Representation.from_bytes(original), layout, configuration)
        result = bytearray(rendered(image))
        self.assertEqual(config_in(bytes(result[area.offset : area.end])), ignition)
        text = " ".join([DEFAULT_ARGUMENTS, *kernel_arguments]).encode() + b"\n"
        expected = text.ljust(kargs.size, b"#")
        for position in kargs.positions:
            self.assertEqual(result[position : position + kargs.size], expected)
            result[position : position + kargs.size] = original[position : position + kargs.size]
        result[area.offset : area.end] = original[area.offset : area.end]
        self.assertEqual(result, original)

    def test_by_another_reader(self) -> None:
        """coreos-installer finds the config and the arguments, in each architecture's image."""
        for architecture in Architecture:
            path = Path(self.mktemp())
            write = write_xorriso if architecture is Architecture.S390X else write_sparse
            write(tree(architecture), path)
            with path.open("rb") as file:
                layout = read_layout(file)
            configuration = Configuration(
                b'{"ignition": {}}', kernel_arguments=appended("a=1", "b")
            )
            image = discovery_iso(whole(FileSource(path)), layout, configuration)
            iso = CoreosIso(written(image, Path(self.mktemp())))
            self.assertEqual(config_in(iso.at(iso.ignition_area)), b'{"ignition": {}}')
            self.assertEqual(set(iso.kernel_arguments.values()), {f"{DEFAULT_ARGUMENTS} a=1 b"})

    def test_the_cpio_program_unpacks_the_area(self) -> None:
        path = Path(self.mktemp())
        write_sparse(tree(), path)
        with path.open("rb") as file:
            layout = read_layout(file)
        image = discovery_iso(whole(FileSource(path)), layout, Configuration(b"config"))
        iso = CoreosIso(written(image, Path(self.mktemp())))
        listing = subprocess.run(
            ["cpio", "-tv", "--quiet"],
            input=gzip.decompress(iso.at(iso.ignition_area)),
            capture_output=True,
            check=True,
        )
        self.assertRegex(
            listing.stdout.decode(), r"^-rw-r--r--\s+1 root\s+root\s+6 .* config.ign\n$"
        )

    def test_inside_the_initrd(self) -> None:
        path = Path(self.mktemp())
        write_sparse(in_initrd(tree(initrd=filler("initrd", 20_000)), 12_000, 6000), path)
        with path.open("rb") as file:
            layout = read_layout(file)
        image = discovery_iso(whole(FileSource(path)), layout, Configuration(b"config"))
        initrd = CoreosIso(written(image, Path(self.mktemp()))).read("images/pxeboot/initrd.img")
        self.assertEqual(config_in(initrd[12_000:18_000]), b"config")
        original = filler("initrd", 20_000)
        self.assertEqual(initrd[:12_000] + initrd[18_000:], original[:12_000] + original[18_000:])

    def test_area_beyond_4_gib(self) -> None:
        """Of a sparse image of 5 GiB; and a range that begins inside the area is its rest."""
        path = Path(self.mktemp())
        write_sparse(tree() | {"boot/large.img": 5 << 30}, path)
        with path.open("rb") as file:
            layout = read_layout(file)
        area = layout.ignition_area
        assert area is not None
        self.assertGreater(area.offset, 5 << 30)
        image = discovery_iso(whole(FileSource(path)), layout, Configuration(b"config"))
        self.assertEqual(image.length, path.stat().st_size)
        expected = cpio.gzipped("config.ign", b"config", 0o100644)
        part = image.slice(area.offset + 5, area.offset + len(expected) + 3)
        self.assertEqual(rendered(part), expected[5:] + bytes(3))
        iso = CoreosIso(written(image, Path(self.mktemp())))
        self.assertEqual((iso.ignition_area[0], iso.ignition_config), (area.offset, b"config"))

    def test_minimal(self) -> None:
        """The ramdisk goes to the start of its file; its rest is zero."""
        path = Path(self.mktemp())
        write_sparse(tree(), path)
        with path.open("rb") as file:
            built = build_minimal_iso(file, FileSource(path), "http://host/rootfs", None)
        configuration = Configuration(b"config", b"ramdisk", appended("a=1"))
        image = discovery_iso(built.image, built.layout, configuration)
        self.assertEqual(image.length, built.image.length)
        iso = CoreosIso(written(image, Path(self.mktemp())))
        ramdisk = iso.read("images/assisted_installer_custom.img")
        self.assertEqual(ramdisk, b"ramdisk".ljust(1 << 20, b"\0"))
        self.assertEqual(config_in(iso.at(iso.ignition_area)), b"config")
        for text in iso.kernel_arguments.values():
            self.assertTrue(text.endswith('coreos.live.rootfs_url="http://host/rootfs" a=1'), text)

    def test_ramdisk_is_for_minimal_isos(self) -> None:
        """A full ISO has no place for it, and the host does not need it."""
        layout = replace(EMPTY, ignition_area=Extent(100, 300))
        image = Representation.from_bytes(bytes(500))
        self.assertEqual(
            rendered(discovery_iso(image, layout, Configuration(b"x", b"ramdisk"))),
            rendered(discovery_iso(image, layout, Configuration(b"x"))),
        )


class RefusedTests(SynchronousTestCase):
    """What does not fit is an error that names sizes and shows nothing secret."""

    image = Representation.from_bytes(bytes(1000))
    layout = replace(EMPTY, ignition_area=Extent(0, 300))
    secret = b"secret" + bytes(range(256)) * 3

    def check(
        self, error: type[Exception], reason: str, layout: Layout, configuration: Configuration
    ) -> None:
        with self.assertRaisesRegex(error, reason) as caught:
            discovery_iso(self.image, layout, configuration)
        self.assertNotIn("secret", str(caught.exception))

    def test_ignition(self) -> None:
        self.check(
            AreaOverflow,
            r"Ignition config's archive is too large for this image: \d{3} bytes do not fit into "
            "an area of 300",
            self.layout,
            Configuration(self.secret),
        )

    def test_ramdisk(self) -> None:
        layout = replace(self.layout, ramdisk_area=Extent(300, 700))
        configuration = Configuration(b"x", b"secret" * 117)
        self.check(AreaOverflow, "ramdisk is .* 702 bytes .* area of 700", layout, configuration)

    def test_kernel_arguments(self) -> None:
        layout = replace(self.layout, kernel_argument_area=KernelArgumentArea((500,), "a", 10))
        configuration = Configuration(b"x", kernel_arguments=appended("secret=1", "b"))
        self.check(
            AreaOverflow, "kernel arguments are .* 13 bytes .* area of 10", layout, configuration
        )
        configuration = Configuration(b"x", kernel_arguments=appended("secret\n"))
        self.check(BadKernelArgument, "kernel argument 1 contains", layout, configuration)

    def test_no_kernel_argument_area(self) -> None:
        configuration = Configuration(b"x", kernel_arguments=appended("secret"))
        self.check(
            NoKernelArgumentArea,
            "this image has no area for kernel arguments",
            self.layout,
            configuration,
        )

    def test_no_ignition_area(self) -> None:
        self.check(IsoError, "has no area for an Ignition", EMPTY, Configuration(b"secret"))


class PxeInitrdTests(SynchronousTestCase):
    """The image's initrd and archives behind it, each at a multiple of 4 bytes."""

    @given(st.binary(min_size=1, max_size=30), st.binary(max_size=30), st.binary(max_size=30))
    def test_parts(self, initrd: bytes, ramdisk: bytes, nmstate: bytes) -> None:
        image = Representation.from_bytes(b"before" + initrd + b"behind")
        layout = replace(EMPTY, initrd=(Extent(6, len(initrd)),))
        archive = Representation.from_bytes(nmstate) if nmstate else None
        result = rendered(pxe_initrd(image, layout, Configuration(b"config", ramdisk), archive))
        self.assertEqual(result[: len(initrd)], initrd)
        rest = result[-(-len(initrd) // 4) * 4 :]
        size = len(cpio.gzipped("config.ign", b"config", 0o100644))
        self.assertEqual(config_in(rest[:size]), b"config")
        rest = rest[size:]
        if ramdisk:
            self.assertEqual(rest[: len(ramdisk)], ramdisk)
            rest = rest[-(-len(ramdisk) // 4) * 4 :] if nmstate else rest[len(ramdisk) :]
        self.assertEqual(rest, nmstate)

    def test_none(self) -> None:
        with self.assertRaisesRegex(IsoError, "no /images/pxeboot/initrd.img"):
            pxe_initrd(Representation(), EMPTY, Configuration(b""), None)


class ArtifactTests(SynchronousTestCase):
    """Files of the image, as they are."""

    def test_boot_artifact(self) -> None:
        image = Representation.from_bytes(b"0123456789")
        extents = (Extent(6, 3), Extent(1, 2))
        self.assertEqual(rendered(boot_artifact(image, extents)), b"67812")

    def test_initrd_addrsize(self) -> None:
        layout = replace(EMPTY, initrd_address=bytes.fromhex("0000000002000000"))
        self.assertEqual(
            rendered(initrd_addrsize(layout, 0x123456789)).hex(),
            "0000000002000000" + "0000000123456789",
        )
        with self.assertRaisesRegex(IsoError, "only s390x ones have"):
            initrd_addrsize(EMPTY, 1)
