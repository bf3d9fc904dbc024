"""C{assisted-images sign}, and the service that it signs for."""

from __future__ import annotations

import base64
import time
from pathlib import Path

from assisted_images.commands.sign import LONGEST
from assisted_images.routes.signed_urls import SignedUrls
from tests.field.command_case import CommandTestCase
from tests.field.images import file_name, os_images
from tests.field.service import INFRA_ENV_ID

_KEY = bytes(range(32))
_HOST = "52-54-00-ab-cd-ef"


class SignedUrlTests(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.key = self.directory() / "key"
        self.key.write_bytes(base64.b64encode(_KEY) + b"\n")

    async def signed(self, url: str, *options: str, base: str = "") -> str:
        output, _ = await self.run_command(
            "sign",
            *options,
            url,
            URL_SIGNING_KEY_FILE=str(self.key),
            IMAGE_SERVICE_BASE_URL=base,
        )
        return output.decode().removesuffix("\n")

    async def refused(self, url: str, *options: str, status: int = 1) -> str:
        return await self.refusal(
            "sign", "--url-signing-key-file", str(self.key), *options, url, status=status
        )

    async def test_a_service_takes_them(self) -> None:
        """And no others, where they hold; it does not write them down."""
        (self.data / file_name("1")).write_bytes(self.content)
        settings = {"URL_SIGNING_KEY_FILE": str(self.key), "LOG_LEVEL": "debug"}
        images = os_images({"version": "1", "url": "http://127.0.0.1:1/nobody"})
        service = await self.start(images | settings, healthy=True)
        paths = [self.full_iso(), self.full_iso().replace("full", "minimal")]
        paths += [
            f"/images/{INFRA_ENV_ID}/{name}?version=1&arch=x86_64"
            for name in ("pxe-initrd", "ipxe-script")
        ]
        signatures = []
        for path in paths:
            self.assertEqual((await self.get(service, path)).status, 403, path)
            url = await self.signed(service.url(path))
            self.assertTrue(url.startswith(service.url("/bysig/")), url)
            signed = url.removeprefix(service.url(""))
            self.assertEqual((await self.get(service, signed)).status, 200, path)
            self.assertEqual((await self.get(service, f"{signed}.sha256")).status, 200, path)
            signatures.append(signed.split("/")[2])
        ended = SignedUrls(_KEY).path([INFRA_ENV_ID, "1", "x86_64", "full.iso"], 1)
        for status, path in (
            (410, ended),
            (403, ended.replace("full", "minimal")),
            (404, ended[:-9]),
        ):
            self.assertEqual((await self.get(service, path)).status, status)
        signatures.append(ended.split("/")[2])
        self.assertEqual(await service.stop(60), 0)
        written = "\n".join(service.lines)
        self.assertEqual([each for each in signatures if each in written], [])
        self.assertIn("/bysig/:signature", written)
        self.assertNotIn("no credentials are asked for", written)

    async def test_forms(self) -> None:
        base = "https://images.example:8443/below"
        path = f"{INFRA_ENV_ID}/4.18/x86_64"
        image = f"{base}/images/{INFRA_ENV_ID}"
        for url, expected in (
            (f"{base}/byid/{path}/full.iso", f"{path}/full.iso"),
            (f"{base}/byid/{path}/minimal.iso.sha256", f"{path}/minimal.iso.sha256"),
            (f"{image}?version=4.18&type=minimal-iso", f"{path}/minimal.iso"),
            (f"{image}.sha256?version=4.18&type=full-iso", f"{path}/full.iso.sha256"),
            (f"{image}/pxe-initrd?arch=x86_64&version=4.18", f"{path}/pxe-initrd"),
            (f"{base}/byid/{path}/52:54:00:AB:cd:ef/full.iso", f"{path}/{_HOST}/full.iso"),
            (
                f"{image}/pxe-initrd?version=4.18&host=5254.00ab.cdef",
                f"{path}/{_HOST}/pxe-initrd",
            ),
            (f"{image}/ipxe-script?version=4.18", f"{path}/ipxe-script"),
            (
                f"{image}/s390x-initrd-addrsize?version=4.18",
                f"{INFRA_ENV_ID}/4.18/s390x/s390x-initrd-addrsize",
            ),
        ):
            found = await self.signed(url)
            start, _, rest = found.partition("/bysig/")
            self.assertEqual((start, rest.partition("/")[2]), (base, expected))
            self.assertLessEqual(len(found), LONGEST)

    async def test_base(self) -> None:
        """A path by itself is of the service that the settings name, if they do."""
        path = f"/byid/{INFRA_ENV_ID}/4.18/x86_64/full.iso"
        base = "https://images.example"
        found = await self.signed(path, base=base)
        self.assertTrue(found.startswith(f"{base}/bysig/"), found)
        self.assertTrue((await self.signed(path)).startswith("/bysig/"))

    async def test_expiry(self) -> None:
        path = f"/byid/{INFRA_ENV_ID}/4.18/x86_64/full.iso"
        for text, seconds in (("90", 90), ("90s", 90), ("5m", 300), ("24h", 86400), ("2d", 172800)):
            before = int(time.time())
            found = await self.signed(path, "--expires", text)
            expiry = int(found.split("/")[2].partition(".")[0])
            self.assertIn(expiry, range(before + seconds, int(time.time()) + seconds + 1))
        for text in ("0", "-1", "1.5h", "tomorrow", "1w", "h"):
            told = await self.refused(path, f"--expires={text}", status=2)
            self.assertIn("expected a time such as 45m, 24h or 7d", told)

    async def test_wrong(self) -> None:
        path = f"/byid/{INFRA_ENV_ID}/4.18/x86_64"
        for url, text in (
            ("https://images.example/status", "this is no URL that can be signed; expected one"),
            (f"/byid/{INFRA_ENV_ID}/full.iso", "the path has 2 parts behind byid"),
            (f"{path}/huge.iso", "unrecognized file name 'huge.iso'"),
            (path.replace("x86_64", "mips") + "/full.iso", "unknown CPU architecture"),
            (f"{path}/5254/full.iso", "the host in the path is no MAC address"),
            ("/byid/x/4.18/x86_64/full.iso", "expected a lower-case UUID"),
            (f"/images/{INFRA_ENV_ID}?version=4.18", "the path or its type is none of an image"),
            (f"https://{'a' * 150}{path}/full.iso", "and some BMCs cut it; expected at most 200"),
        ):
            self.assertIn(text, await self.refused(url))
        told = await self.refusal("sign", f"{path}/full.iso", status=2)
        self.assertIn("--url-signing-key-file is missing", told)
        self.key.write_text("short")
        self.assertIn("holds no key", await self.refused(f"{path}/full.iso", status=2))
        missing = Path("nowhere")
        told = await self.refusal("sign", f"--url-signing-key-file={missing}", path, status=2)
        self.assertIn("cannot be read", told)
