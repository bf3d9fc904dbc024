"""C{assisted-images verify} as a process."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.assisted_images.live.images import run
from tests.engines.nginx_origin import NginxOrigin
from tests.field.command_case import IGNITION, CommandTestCase
from tests.field.images import SMALLEST, file_name, os_images
from tests.field.service import SECONDS

_ROWS = ("CoreOS live ISO", "files", "areas", "partition tables", "implanted MD5", "SHA-256")


class VerifyTests(CommandTestCase):
    async def found(self, *arguments: str, wrong: bool = False, **more: str) -> dict[str, Any]:
        """The rows of the table."""
        output, errors = await self.run_command(
            "verify", "--json", *arguments, status=int(wrong), **{**SMALLEST, **more}
        )
        self.assertEqual(errors, "")
        rows = {row["what"]: row for row in json.loads(output)}
        self.assertEqual(not all(row["right"] for row in rows.values()), wrong)
        return rows

    async def wrong(self, *arguments: str, **more: str) -> dict[str, str]:
        """What is wrong, and why."""
        rows = await self.found(*arguments, wrong=True, **more)
        return {what: row["text"] for what, row in rows.items() if not row["right"]}

    async def test_a_file(self) -> None:
        rows = await self.found(str(self.iso))
        self.assertEqual([*rows], [f"rhcos.iso: {row}" for row in _ROWS])
        sha256 = hashlib.sha256(self.content).hexdigest()
        self.assertEqual(rows["rhcos.iso: SHA-256"]["text"], sha256)
        await self.found("--sha256", sha256.upper(), str(self.iso))
        self.assertEqual(
            await self.wrong("--sha256", "0" * 64, str(self.iso)),
            {"rhcos.iso: SHA-256": f"it is {sha256}; expected {'0' * 64}"},
        )

    async def test_at_a_server(self) -> None:
        origin = NginxOrigin(self)
        (origin.files / "1.iso").write_bytes(self.content)
        url = origin.url("1.iso")
        rows = await self.found(url)
        sha256 = hashlib.sha256(self.content).hexdigest()
        self.assertEqual(rows[f"{url}: SHA-256"]["text"], sha256)
        self.assertEqual({*origin.parts("1.iso").values()}, {1}, "each part comes once")

    async def test_implanted(self) -> None:
        """The MD5 that isomd5sum leaves, which a configuration changes."""
        run("implantisomd5", str(self.iso))
        rows = await self.found(str(self.iso))
        self.assertRegex(rows["rhcos.iso: implanted MD5"]["text"], r"\A[0-9a-f]{32}\Z")
        ignition, other = self.directory() / "a.ign", self.directory() / "other.iso"
        ignition.write_bytes(IGNITION)
        options = ("--ignition", str(ignition), "-o", str(other))
        await self.run_command("customise", *options, str(self.iso))
        self.assertEqual([*await self.wrong(str(other))], ["other.iso: implanted MD5"])

    async def test_minimal(self) -> None:
        ignition, minimal = self.directory() / "a.ign", self.directory() / "minimal.iso"
        ignition.write_bytes(IGNITION)
        options = ("--ignition", str(ignition), "--minimal", "--rootfs-url", "http://a/rootfs")
        await self.run_command("customise", *options, "-o", str(minimal), str(self.iso))
        rows = await self.found(str(minimal))
        self.assertIn("minimal, rhcos-sample", rows["minimal.iso: CoreOS live ISO"]["text"])

    async def test_wrong_ones(self) -> None:
        """Each is looked at, whatever the others are."""
        cut, text = self.directory() / "cut.iso", self.directory() / "text"
        cut.write_bytes(self.content[:-4096])
        text.write_text("no ISO")
        wrong = await self.wrong(str(cut), str(text), "/nowhere", "http://127.0.0.1:1/x")
        self.assertIn("but the file ends at", wrong["cut.iso: CoreOS live ISO"])
        self.assertIn("not an ISO 9660 image", wrong["text: CoreOS live ISO"])
        self.assertEqual(wrong["nowhere: to be read"], "No such file or directory")
        self.assertIn("http://127.0.0.1:1/x: to be read", wrong)
        small = await self.wrong(str(self.iso), MIN_ROOTFS_BYTES=str(1 << 30))
        self.assertIn("the rootfs has", small["rhcos.iso: CoreOS live ISO"])

    async def test_data_dir(self) -> None:
        """What is not here, what has changed, and what is as it was."""
        for version in "123":
            (self.data / file_name(version)).write_bytes(self.content)
        wanted = [{"version": version, "url": "http://127.0.0.1:1/nobody"} for version in "1234"]
        wanted[0]["sha256"] = hashlib.sha256(self.content).hexdigest()
        wanted[1]["sha256"] = "0" * 64
        images = os_images(*wanted)
        wrong = await self.wrong(str(self.data), **images)
        self.assertIn("but the catalogue says 000", wrong["image 2 x86_64"])
        self.assertEqual(wrong["image 4 x86_64"], "No such file or directory")
        self.assertEqual(len(wrong), 2)
        self.assertEqual(self.names(), sorted(map(file_name, "123")), "nothing is written")

    async def test_as_the_service_has_remembered_it(self) -> None:
        """A byte that changes below the file system is found, too."""
        path = self.data / file_name("1")
        path.write_bytes(self.content)
        images = os_images({"version": "1", "url": "http://127.0.0.1:1/nobody"})
        own = images | {"DATA_DIR": str(self.data)}
        rows = await self.found(wrong=False, **own)
        self.assertIn("with nothing to compare it to", rows["image 1 x86_64"]["text"])
        service = await self.start(images, healthy=True)
        record = path.with_name(f"{path.name}.checked.json")
        await service.wait_for(record.exists, "write the record", SECONDS)
        rows = await self.found(wrong=False, **own)
        sha256 = hashlib.sha256(self.content).hexdigest()
        self.assertTrue(rows["image 1 x86_64"]["text"].endswith(sha256))
        remembered = json.loads(record.read_bytes())
        remembered["sha256"] = "0" * 64
        record.write_text(json.dumps(remembered))
        wrong = await self.wrong(**own)
        self.assertIn("when it was checked first it was 000", wrong["image 1 x86_64"])

    async def test_wrong_usage(self) -> None:
        for options, expected in (
            (("--sha256", "0" * 64), "--sha256 is of one ISO"),
            (("--sha256", "x", str(self.iso)), "expected 64 hexadecimal digits"),
            ((str(self.data), str(self.iso)), "a directory among other operands"),
            ((), "DATA_DIR: not set"),
            (("--min-rootfs-bytes", "x", str(self.iso)), "MIN_ROOTFS_BYTES: 'x'; expected"),
        ):
            self.assertIn(expected, await self.refusal("verify", *options, status=2))
