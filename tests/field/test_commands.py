"""C{assisted-images} as a process: ISOs inspected, and written with a configuration in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from subprocess import PIPE, Popen

from twisted.internet.threads import deferToThread
from twisted.internet.utils import getProcessOutputAndValue

from demo.service import ROOT
from tests.assisted_images.downloads.origin import Origin
from tests.certificates import identity
from tests.engines.nginx_origin import NginxOrigin
from tests.field.images import file_name, noisy_image, os_images
from tests.field.service import SECONDS, FieldTestCase
from tests.running import base_environment, console_script

_SECRET = "a-secret-that-nobody-may-see"
_IGNITION = b'{"ignition": {"version": "3.2.0"}}'


class CommandTestCase(FieldTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.content = noisy_image()
        self.iso = self.directory() / "rhcos.iso"
        self.iso.write_bytes(self.content)

    async def run_command(
        self, *arguments: str, status: int = 0, **environment: str
    ) -> tuple[bytes, str]:
        """What it wrote, and what it said of failures."""
        executable, *others = console_script("assisted-images", *arguments)
        output, errors, found = await getProcessOutputAndValue(
            executable, others, base_environment() | environment
        )
        self.assertEqual(found, status, errors)
        self.assertNotIn(b"Traceback", errors)
        return output, errors.decode()

    async def refusal(self, *arguments: str, status: int = 1) -> str:
        output, errors = await self.run_command(*arguments, status=status)
        self.assertEqual(output, b"")
        return errors


class ServeTests(CommandTestCase):
    async def test_wrong_settings(self) -> None:
        output, _ = await self.run_command("serve", "--listen-port", "99999", status=1)
        self.assertIn(b"LISTEN_PORT: '99999'; expected a whole number from 0 to 65535", output)

    async def test_it_serves(self) -> None:
        """Until SIGTERM."""
        infra_envs = self.directory()
        settings = os_images({"version": "1", "url": "http://127.0.0.1:1/nobody"}) | {
            "DATA_DIR": str(self.data),
            "INFRA_ENVS_DIR": str(infra_envs),
            "IMAGE_SERVICE_BASE_URL": "http://images.example",
            "LISTEN_PORT": "0",
        }
        await deferToThread(self.serve_until_told, base_environment() | settings)

    def serve_until_told(self, environment: Mapping[str, str]) -> None:
        command = console_script("assisted-images", "serve")
        with Popen(command, stdout=PIPE, env=environment, cwd=ROOT) as process:
            assert process.stdout is not None
            lines = (line for line in process.stdout if b'"state"' in line)
            self.assertIn(b"downloading", next(lines))
            process.terminate()
            self.assertEqual(process.wait(SECONDS), 0)

    async def test_help(self) -> None:
        output, _ = await self.run_command("serve", "--help")
        self.assertIn(b"--listen-port", output)
        output, _ = await self.run_command("--help")
        self.assertIn(b"run the service in the foreground", output)


class CheckConfigTests(CommandTestCase):
    async def found(self, status: int, **settings: str) -> list[tuple[str, bool, str]]:
        """The rows of the table."""
        own = {"DATA_DIR": str(self.data), "IMAGE_SERVICE_BASE_URL": "http://images.example"}
        if "ASSISTED_SERVICE_HOST" not in settings:
            own["INFRA_ENVS_DIR"] = str(self.directory())
        output, errors = await self.run_command(
            "check-config", "--json", status=status, **own, **settings
        )
        self.assertEqual(errors, "")
        self.assertNotIn(_SECRET.encode(), output)
        return [(row["what"], row["right"], row["text"]) for row in json.loads(output)]

    async def test_all_is_there(self) -> None:
        origin = NginxOrigin(self)
        (origin.files / "1.iso").write_bytes(self.content)
        key, certificate = identity("localhost").write(self.directory())
        whole = self.serve(Origin(self.content, ranges=False))
        host = origin.url("").removeprefix("http://").rstrip("/")
        rows = await self.found(
            0,
            **os_images(
                {"version": "1", "url": origin.url("1.iso")},
                {"version": "2", "url": f"{whole.url}/2.iso?key={_SECRET}"},
            ),
            ASSISTED_SERVICE_HOST=host,
            HTTPS_KEY_FILE=str(key),
            HTTPS_CERT_FILE=str(certificate),
        )
        self.assertEqual({right for _, right, _ in rows}, {True})
        texts = {what: text for what, _, text in rows}
        self.assertIn(f"{len(self.content) / (1 << 20):.1f} MiB", texts["image 1 x86_64"])
        self.assertIn("to be fetched whole", texts["image 2 x86_64"])
        self.assertIn(f"http://{host} answers", texts["assisted-service"])
        self.assertIn("until", texts["certificate"])
        self.assertIn("GiB free", texts["DATA_DIR"])

    async def test_what_is_not(self) -> None:
        """The rest is looked at all the same."""
        nobody = {"version": "1", "url": f"http://user:{_SECRET}@127.0.0.1:1/nobody"}
        rows = await self.found(1, **os_images(nobody), ASSISTED_SERVICE_HOST="127.0.0.1:1")
        wrong = {what for what, right, _ in rows if not right}
        self.assertEqual(wrong, {"image 1 x86_64", "assisted-service"})

    async def test_wrong_settings(self) -> None:
        rows = await self.found(1, LISTEN_PORT="x", WORKERS="0")
        self.assertEqual([what for what, _, _ in rows], ["settings"] * 2)
        self.assertIn("LISTEN_PORT: 'x'; expected", rows[0][2])

    async def test_as_a_text(self) -> None:
        output, _ = await self.run_command("check-config", "--listen-port", "x", status=1)
        self.assertTrue(output.startswith(b"WRONG  settings  "), output)


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
        self.assertIn("expected one: the path", await self.refusal("inspect", status=2))


class CustomiseTests(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.ignition = self.directory() / "config.ign"
        self.ignition.write_bytes(_IGNITION)

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
        options = ("customise", "--ignition", str(self.ignition), "-o", "-", str(self.iso))
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
                (*good, "--initrd", "--minimal", "--rootfs-url", "http://a"),
                "--minimal and --initrd; expected one",
            ),
        ):
            told = await self.refusal("customise", *options, str(self.iso), status=2)
            self.assertIn(expected, told)
