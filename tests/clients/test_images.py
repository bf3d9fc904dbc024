"""What other people's tools find in the ISOs and ramdisks that the service serves."""

from __future__ import annotations

import gzip
from pathlib import Path

from tests.boot.image import OPENSHIFT_VERSION
from tests.clients.serving import (
    IGNITION,
    INFRA_ENV_ID,
    KERNEL_ARGUMENTS,
    RAMDISK,
    Serving,
    ServingTestCase,
)
from tests.coreos_reader import Area, CoreosIso
from tests.running import run


class ImageTests(ServingTestCase):
    """The ISOs are whole, and differ from the OS image where they have to and nowhere else."""

    async def downloaded(self, file: str) -> Path:
        serving = await self.serve()
        return await self.fetched(serving, serving.url(file, "http"))

    async def fetched(self, serving: Serving, url: str) -> Path:
        target = Path(self.mktemp())
        await run("curl", "--fail", "--silent", "--output", target, url)
        return target

    async def assert_archive(self, archive: bytes) -> None:
        """The Ignition archive holds C{config.ign} and nothing else, byte for byte."""
        compressed = Path(self.mktemp())
        compressed.write_bytes(archive)
        plain = Path(self.mktemp())
        plain.write_bytes(await run("gzip", "--decompress", "--stdout", compressed))
        listed = await run("cpio", "--list", "--verbose", "--quiet", "-F", plain)
        self.assertRegex(listed.decode("ascii"), r"\A-rw-r--r-- [^\n]* config\.ign\n\Z")
        content = await run("cpio", "--extract", "--to-stdout", "--quiet", "-F", plain)
        self.assertEqual(content, IGNITION)

    def assert_kernel_arguments(self, iso: CoreosIso) -> None:
        expected = " ".join([iso.default_kernel_arguments, *KERNEL_ARGUMENTS])
        self.assertEqual(
            iso.kernel_arguments,
            {"EFI/redhat/grub.cfg": expected, "isolinux/isolinux.cfg": expected},
        )

    async def assert_lists_without_complaint(self, path: Path) -> None:
        """xorriso reads every directory and every boot entry and has nothing to remark."""
        for request in (["-find", "/", "-exec", "lsdl", "--"], ["-report_el_torito", "plain"]):
            await run(
                "xorriso", "-abort_on", "WARNING", "-report_about", "WARNING", "-indev", path,
                *request,
            )  # fmt: skip

    async def test_full_iso_has_the_configuration(self) -> None:
        iso = CoreosIso(await self.downloaded("full.iso"))
        await self.assert_archive(iso.at(iso.ignition_area))
        self.assert_kernel_arguments(iso)

    async def test_full_iso_differs_only_inside_its_areas(self) -> None:
        path = await self.downloaded("full.iso")
        original = CoreosIso(self.image.path)
        areas = [original.ignition_area, *original.kernel_argument_areas.values()]
        self.assertEqual(path.stat().st_size, self.image.path.stat().st_size)
        for area in areas:
            self.assertNotEqual(CoreosIso(path).at(area), original.at(area))
        self.assertEqual(blanked(path, areas), blanked(self.image.path, areas))

    async def test_full_iso_lists_without_complaint(self) -> None:
        await self.assert_lists_without_complaint(await self.downloaded("full.iso"))

    async def test_minimal_iso_lists_without_complaint(self) -> None:
        await self.assert_lists_without_complaint(await self.downloaded("minimal.iso"))

    async def test_minimal_iso_has_the_configuration(self) -> None:
        iso = CoreosIso(await self.downloaded("minimal.iso"))
        await self.assert_archive(iso.at(iso.ignition_area))
        self.assert_kernel_arguments(iso)
        custom = iso.read("images/assisted_installer_custom.img")
        self.assertEqual(custom, RAMDISK.ljust(1 << 20, b"\0"))

    async def test_minimal_iso_is_the_full_one_without_rootfs(self) -> None:
        """Other files are the same, and the kernel line leads to the rootfs over the network."""
        iso, original = CoreosIso(await self.downloaded("minimal.iso")), CoreosIso(self.image.path)
        new = {"images/assisted_installer_custom.img", "images/nmstate.img"}
        self.assertEqual(iso.paths, original.paths - {"images/pxeboot/rootfs.img"} | new)
        self.assertEqual(iso.volume_id, original.volume_id)
        for path in ("images/pxeboot/vmlinuz", "images/pxeboot/initrd.img", "images/efiboot.img"):
            self.assertEqual(iso.read(path), original.read(path), path)
        self.assertNotIn("coreos.liveiso=", iso.default_kernel_arguments)
        self.assertIn(
            "coreos.live.rootfs_url=https://images.example/boot-artifacts/rootfs?",
            iso.default_kernel_arguments.replace('"', ""),
        )

    async def test_pxe_initrd(self) -> None:
        """The initial ramdisk comes first, unchanged; then Ignition, network files, nmstate."""
        serving = await self.serve()
        query = f"version={OPENSHIFT_VERSION}&arch=x86_64"
        url = serving.service.url(f"/images/{INFRA_ENV_ID}/pxe-initrd?{query}", scheme="http")
        content = (await self.fetched(serving, url)).read_bytes()
        initrd = CoreosIso(self.image.path).read("images/pxeboot/initrd.img")
        self.assertEqual(content[: len(initrd)], initrd)
        appended = content[len(initrd) :]
        network = appended.index(RAMDISK)
        self.assertEqual(network % 4, 0)
        await self.assert_archive(appended[:network])
        self.assertIn(b"usr/bin/nmstatectl", gzip.decompress(appended[network + len(RAMDISK) :]))

    async def test_boot_artifacts(self) -> None:
        """The kernel and the rootfs are those of the OS image."""
        serving = await self.serve()
        original = CoreosIso(self.image.path)
        for artifact, path in [("kernel", "vmlinuz"), ("rootfs", "rootfs.img")]:
            query = f"version={OPENSHIFT_VERSION}&arch=x86_64"
            url = serving.service.url(f"/boot-artifacts/{artifact}?{query}", scheme="http")
            content = (await self.fetched(serving, url)).read_bytes()
            self.assertEqual(content, original.read(f"images/pxeboot/{path}"), artifact)


def blanked(path: Path, areas: list[Area]) -> bytes:
    """A file's content with zeros in some areas."""
    content = bytearray(path.read_bytes())
    for offset, length in areas:
        content[offset : offset + length] = bytes(length)
    return bytes(content)
