"""C{assisted-images inspect} and C{customise} as processes."""

from __future__ import annotations

import json

from twisted.internet.utils import getProcessOutputAndValue

from tests.assisted_images.downloads.origin import Origin
from tests.coreos_reader import CoreosIso
from tests.engines.nginx_origin import NginxOrigin
from tests.field.command_case import IGNITION, CommandTestCase
from tests.field.images import file_name, os_images
from tests.running import base_environment, console_script


class InspectTests(CommandTestCase):
    async def report(self, place: str) -> dict[str, object]:
        output, errors = await self.run_command("inspect", "--json", place)
        self.assertEqual(errors, "")
        found: dict[str, object] = json.loads(output)
        return found

    async def test_a_file(self) -> None:
        report = await self.report(str(self.iso))
        self.assertEqual((report["volume_id"], report["version"]), ("rhcos-sample", "sample"))
        self.assertEqual(report["size"], len(self.content))
        self.assertEqual(report["ignition_area"], {"offset": 94208, "size": 262144, "used": 0})
        self.assertTrue(report["ignition_area_grows"])

    async def test_at_a_server(self) -> None:
        """What is read of it alone, and each part once."""
        origin = NginxOrigin(self)
        (origin.files / "1.iso").write_bytes(self.content)
        found = await self.report(origin.url("1.iso"))
        self.assertEqual(found, await self.report(str(self.iso)))
        parts = origin.parts("1.iso")
        self.assertLess(len(parts), 4)
        self.assertEqual({*parts.values()}, {1})

    async def test_as_a_text(self) -> None:
        output, _ = await self.run_command("inspect", str(self.iso))
        lines = output.decode().splitlines()
        self.assertIn("volume id            rhcos-sample", lines)
        self.assertIn("ramdisk area         none", lines)

    async def test_refused(self) -> None:
        text = self.directory() / "text"
        text.write_text("no ISO")
        server = self.serve(Origin(self.content, ranges=False))
        for place, expected in (
            (str(text), "not an ISO 9660 image"),
            ("/nowhere", "/nowhere: No such file or directory"),
            (f"{server.url}/1.iso", "cannot be read in parts: the origin does not answer Range"),
            ("http://127.0.0.1:1/x", "127.0.0.1"),
        ):
            self.assertIn(expected, await self.refusal("inspect", place))
        self.assertIn("expected one ISO: its path", await self.refusal("inspect", status=2))


class CustomiseTests(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.ignition = self.directory() / "config.ign"
        self.ignition.write_bytes(IGNITION)

    async def customised(self, *options: str, iso: str = "") -> bytes:
        """What it writes on standard output."""
        output, errors = await self.run_command(
            "customise", "--ignition", str(self.ignition), *options, "-o", "-", iso or str(self.iso)
        )
        self.assertEqual(errors, "")
        return output

    async def test_as_the_service_does(self) -> None:
        (self.data / file_name("1")).write_bytes(self.content)
        images = os_images({"version": "1", "url": "http://127.0.0.1:1/nobody"})
        service = await self.start(images, healthy=True)
        full = (await self.get(service, self.full_iso())).body
        rootfs = "http://images.example/boot-artifacts/rootfs?arch=x86_64&version=1"
        minimal = (await self.get(service, self.full_iso().replace("full", "minimal"))).body
        self.assertTrue(await self.customised() == full)
        found = await self.customised("--minimal", "--rootfs-url", rootfs)
        self.assertTrue(found == minimal)

    async def test_at_a_server(self) -> None:
        origin = NginxOrigin(self)
        (origin.files / "1.iso").write_bytes(self.content)
        found = await self.customised(iso=origin.url("1.iso"))
        self.assertTrue(found == await self.customised())

    async def test_kernel_arguments(self) -> None:
        output = self.directory() / "new.iso"
        options = ("--ignition", str(self.ignition), "--kargs", "a=1", "--kargs", "b c")
        await self.run_command("customise", *options, "-o", str(output), str(self.iso))
        self.assertEqual([*output.parent.iterdir()], [output])
        report, _ = await self.run_command("inspect", "--json", str(output))
        found = json.loads(report)
        self.assertTrue(found["kernel_arguments"]["current"].endswith(" a=1 b c"))
        self.assertGreater(found["ignition_area"]["used"], 0)

    async def test_other_kernel_arguments(self) -> None:
        """In coreos-installer's order: deleted, appended, replaced."""
        before = CoreosIso(self.iso).default_kernel_arguments
        first, *others = before.split()
        edits = ("--kargs-replace", "a=1=2", "--kargs", "a=1", "--kargs-delete", first)
        output = self.directory() / "new.iso"
        options = ("--ignition", str(self.ignition), *edits, "-o", str(output))
        await self.run_command("customise", *options, str(self.iso))
        found = CoreosIso(output).kernel_arguments
        self.assertEqual(set(found.values()), {" ".join([*others, "a=2"])})

    async def test_initrd(self) -> None:
        ramdisk = self.directory() / "ramdisk"
        ramdisk.write_bytes(b"the ramdisk")
        initrd = await self.customised("--initrd", "--ramdisk", str(ramdisk))
        self.assertTrue(initrd.endswith(b"the ramdisk"))
        self.assertIn(b"\x1f\x8b", initrd)

    async def test_what_is_there_stays(self) -> None:
        """Unless it is to be replaced; and where that fails."""
        output = self.directory() / "new.iso"
        output.write_bytes(b"precious")
        options = ("customise", "--ignition", str(self.ignition), "-o", str(output))
        told = await self.refusal(*options, str(self.iso))
        self.assertIn("new.iso: it is there already; --force replaces it", told)
        too_long = ("--force", "--kargs", "x" * 2000)
        self.assertIn("too large", await self.refusal(*options, *too_long, str(self.iso)))
        self.assertEqual([*output.parent.iterdir()], [output])
        self.assertEqual(output.read_bytes(), b"precious")
        await self.run_command(*options, "--force", str(self.iso))
        self.assertEqual(output.stat().st_size, len(self.content))

    async def test_standard_output_that_takes_nothing(self) -> None:
        for options in (
            ("customise", "--ignition", str(self.ignition), "-o", "-", str(self.iso)),
            ("inspect", str(self.iso)),
        ):
            command = console_script("assisted-images", *options)
            _, errors, status = await getProcessOutputAndValue(
                "/bin/sh", ["-c", '"$@" > /dev/full', "sh", *command], base_environment()
            )
            self.assertEqual((errors, status), (b"assisted-images: No space left on device\n", 1))

    async def test_wrong_usage(self) -> None:
        good = ("--ignition", str(self.ignition), "-o", "-")
        for options, expected in (
            (("-o", "-"), "--ignition is missing"),
            (("--ignition", "x"), "--output is missing"),
            ((*good, "--minimal"), "--minimal and --rootfs-url go together"),
            ((*good, "--initrd", "--kargs", "a"), "--kargs with --initrd"),
            (
                (*good, "--kargs-replace", "a=1=2", "--kargs-replace", "a=1"),
                "kernel argument 2 to be replaced cannot be read; expected KEY=OLD=NEW",
            ),
            ((*good, "--kargs-delete", ""), "kernel argument 1 to be deleted is empty"),
            (
                (*good, "--initrd", "--minimal", "--rootfs-url", "http://a"),
                "--minimal and --initrd; expected one",
            ),
        ):
            told = await self.refusal("customise", *options, str(self.iso), status=2)
            self.assertIn(expected, told)
