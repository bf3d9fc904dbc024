"""Every route, and every row of the contract's table of errors."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import replace

import jwt
from twisted.trial.unittest import TestCase

from assisted_images.sources.infra_envs import (
    Credential,
    CredentialKind,
    InfraEnvError,
)
from assisted_images.store.states import ImageState
from assisted_images.values import Configuration, ImageType
from assisted_images.web.tree import make_site
from tests.web.application import (
    CONFIGURATION,
    ID,
    IGNITION_AREA,
    IMAGE,
    INITRD,
    INS_FILE,
    KERNEL,
    OPENSHIFT,
    ROOTFS,
    VERSION,
    Images,
    InfraEnvs,
    application,
    content,
    entry,
    layout,
)
from tests.web.serving import Answer, ask, listen

TOKEN = jwt.encode({"sub": ID}, "k" * 32)
LOCAL_TOKEN = jwt.encode({"infra_env_id": ID, "exp": 1}, "k" * 32)

BAD = "418.94.0-0"
"""An image that has failed."""


class RoutesTestCase(TestCase):
    """Images of two architectures, and one that is not ready."""

    boot_only = False
    local_infra_envs = True

    def setUp(self) -> None:
        self.images = Images(
            {
                entry(): content(),
                entry(kind="disconnected-iso"): content(),
                entry("s390x"): content(minimal=None),
                entry("arm64"): content(
                    layout=layout(kernel_arguments=False),
                    minimal=None,
                    minimal_missing="no boot configuration",
                    nmstate=None,
                    nmstate_missing="no root.squashfs",
                ),
                entry(version=BAD): None,
            }
        )
        self.infra_envs = InfraEnvs()
        self.application = application(
            self.images, self.infra_envs, local_infra_envs=self.local_infra_envs
        )
        self.port = listen(self, make_site(self.application, boot_only=self.boot_only))

    async def get(
        self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> Answer:
        return await ask(self.port, path, method, headers)

    async def assert_problem(self, path: str, status: int, text: str) -> Answer:
        answer = await self.get(path)
        self.assertEqual(answer.status, status, path)
        self.assertIn(text, answer.text)
        self.assertEqual(answer.header("content-type"), "text/plain; charset=utf-8")
        return answer

    def ignition_in(self, image: bytes) -> bytes:
        area = image[IGNITION_AREA.offset : IGNITION_AREA.end].rstrip(b"\0")
        return gzip.decompress(area + b"\0" * 8)


class DiscoveryImageTests(RoutesTestCase):
    async def test_full_iso_by_every_route(self) -> None:
        bodies = set()
        for path in (
            f"/byid/{ID}/{VERSION}/x86_64/full.iso",
            f"/byid/{ID}/{OPENSHIFT}/amd64/full.iso",
            f"/byapikey/{TOKEN}/{OPENSHIFT}/x86_64/full.iso",
            f"/bytoken/{LOCAL_TOKEN}/{OPENSHIFT}/x86_64/full.iso",
            f"/images/{ID}?version={OPENSHIFT}&type=full-iso",
            f"/images/{ID}?version={OPENSHIFT}&type=full-iso&arch=x86_64",
        ):
            answer = await self.get(path)
            self.assertEqual(answer.status, 200, path)
            self.assertEqual(answer.header("content-type"), "application/vnd.efi-iso")
            self.assertEqual(
                answer.header("content-disposition"),
                f'attachment; filename="{ID}-discovery.iso"',
            )
            self.assertEqual(answer.header("last-modified"), "Sun, 06 Nov 1994 08:49:37 GMT")
            self.assertEqual(answer.header("cache-control"), "private, no-cache")
            bodies.add(answer.body)
        (body,) = bodies
        self.assertIn(CONFIGURATION.ignition, self.ignition_in(body))
        for start in (20_000, 25_000):
            self.assertEqual(body[start : start + 20], b"quiet console=ttyS0\n")
        self.assertEqual(len(body), len(IMAGE))

    async def test_minimal_iso(self) -> None:
        answer = await self.get(f"/byid/{ID}/{OPENSHIFT}/x86_64/minimal.iso")
        self.assertEqual((answer.status, len(answer.body)), (200, 70_000))
        self.assertIn(CONFIGURATION.ignition, self.ignition_in(answer.body))
        self.assertEqual(answer.body[65_000:65_100], b"ramdisk".ljust(100, b"\0"))
        full = await self.get(f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso")
        self.assertEqual(len(full.body), len(IMAGE))

    async def test_disconnected_iso(self) -> None:
        answer = await self.get(f"/byid/{ID}/{OPENSHIFT}/x86_64/disconnected.iso")
        self.assertEqual(answer.status, 200)
        self.assertEqual(
            answer.header("content-disposition"), 'attachment; filename="agent-ove.x86_64.iso"'
        )

    async def test_head(self) -> None:
        answer = await self.get(f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso", method="HEAD")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer.header("content-length"), str(len(IMAGE)))

    async def test_etag_follows_the_configuration(self) -> None:
        path = f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso"
        first, again = await self.get(path), await self.get(path)
        self.infra_envs.answer = Configuration(b'{"ignition": {"version": "3.5.0"}}')
        changed = await self.get(
            path, {"Range": "bytes=0-1", "If-Range": first.header("etag") or ""}
        )
        self.assertEqual(first.header("etag"), again.header("etag"))
        self.assertNotEqual(first.header("etag"), changed.header("etag"))
        self.assertEqual((changed.status, len(changed.body)), (200, len(IMAGE)))

    async def test_what_is_asked_of_the_source(self) -> None:
        for file, kind in [
            ("full.iso", ImageType.FULL),
            ("minimal.iso", ImageType.MINIMAL),
            ("disconnected.iso", ImageType.DISCONNECTED),
        ]:
            await self.get(f"/byid/{ID}/{OPENSHIFT}/x86_64/{file}")
            asked = self.infra_envs.asked.pop()
            self.assertEqual((asked.infra_env_id, asked.image_type), (ID, kind))
        await self.get(f"/images/{ID}/pxe-initrd?version={OPENSHIFT}")
        self.assertIsNone(self.infra_envs.asked.pop().image_type)

    async def test_credentials_in_their_order(self) -> None:
        """Path api_key, query api_key, path token, query image_token, Authorization."""
        header = {"Authorization": "Bearer h"}
        tail = f"{OPENSHIFT}/x86_64/full.iso"
        query = f"version={OPENSHIFT}&type=full-iso"
        for path, kind, secret in [
            (f"/byapikey/{TOKEN}/{tail}?api_key=q&image_token=i", CredentialKind.API_KEY, TOKEN),
            (f"/bytoken/{TOKEN}/{tail}?api_key=q&image_token=i", CredentialKind.API_KEY, "q"),
            (f"/bytoken/{TOKEN}/{tail}?image_token=i", CredentialKind.IMAGE_TOKEN, TOKEN),
            (f"/byid/{ID}/{tail}?image_token=i", CredentialKind.IMAGE_TOKEN, "i"),
            (f"/byid/{ID}/{tail}", CredentialKind.AUTHORIZATION, "Bearer h"),
            (f"/images/{ID}?{query}&api_key=q", CredentialKind.API_KEY, "q"),
            (f"/images/{ID}/pxe-initrd?{query}&image_token=i", CredentialKind.IMAGE_TOKEN, "i"),
        ]:  # fmt: skip
            answer = await self.get(path, header)
            self.assertEqual(answer.status, 200, path)
            self.assertEqual(self.infra_envs.asked.pop().credential, Credential(kind, secret))
        await self.get(f"/byid/{ID}/{tail}")
        self.assertEqual(self.infra_envs.asked.pop().credential, Credential())


class InitrdTests(RoutesTestCase):
    async def test_pxe_initrd(self) -> None:
        answer = await self.get(f"/images/{ID}/pxe-initrd?version={OPENSHIFT}")
        self.assertEqual(answer.status, 200)
        initrd = IMAGE[INITRD.offset : INITRD.end].ljust(1004, b"\0")
        self.assertTrue(answer.body.startswith(initrd))
        self.assertTrue(answer.body.rstrip(b"\0").endswith(b"ramdisk\0nmstate archive"))
        self.assertEqual(
            answer.header("content-disposition"), f'attachment; filename="{ID}-initrd.img"'
        )
        self.assertEqual(answer.header("content-type"), "application/octet-stream")

    async def test_addrsize(self) -> None:
        initrd = await self.get(f"/images/{ID}/pxe-initrd?version={OPENSHIFT}&arch=s390x")
        answer = await self.get(f"/images/{ID}/s390x-initrd-addrsize?version={OPENSHIFT}")
        self.assertEqual(answer.body, b"\0\0\0\0\0\0\1\0" + len(initrd.body).to_bytes(8, "big"))
        self.assertEqual(
            answer.header("content-disposition"), f'attachment; filename="{ID}-initrd.addrsize"'
        )

    async def test_ipxe_script(self) -> None:
        answer = await self.get(f"/images/{ID}/ipxe-script?version={OPENSHIFT}&arch=x86_64")
        base = f"http://127.0.0.1:{self.port}"
        query = f"arch=x86_64&version={VERSION}"
        self.assertEqual(
            answer.text.splitlines(),
            [
                "#!ipxe",
                f"initrd --name initrd {base}/images/{ID}/pxe-initrd?{query}",
                f"kernel {base}/boot-artifacts/kernel?{query} initrd=initrd"
                f" coreos.live.rootfs_url={base}/boot-artifacts/rootfs?{query}"
                " ignition.firstboot ignition.platform.id=metal random.trust_cpu=on"
                " rd.luks.options=discard console=ttyS0",
                "boot",
            ],
        )

    async def test_ipxe_script_for_a_host_of_ill_will(self) -> None:
        answer = await self.get(
            f"/images/{ID}/ipxe-script?version={OPENSHIFT}", {"Host": "a b/${x}"}
        )
        self.assertEqual(
            (answer.status, answer.text), (400, "the Host header is no host name or address\n")
        )

    async def test_ipxe_script_with_an_argument_that_it_would_expand(self) -> None:
        self.infra_envs.answer = Configuration(b"{}", kernel_arguments=("a=${net0/ip}",))
        await self.assert_problem(
            f"/images/{ID}/ipxe-script?version={OPENSHIFT}", 422, "which iPXE would expand"
        )


class BootArtifactTests(RoutesTestCase):
    async def test_each(self) -> None:
        for artifact, arch, extent, name in [
            ("kernel", "x86_64", KERNEL, "vmlinuz"),
            ("rootfs", "x86_64", ROOTFS, "rootfs.img"),
            ("ins-file", "s390x", INS_FILE, "generic.ins"),
        ]:
            answer = await self.get(f"/boot-artifacts/{artifact}?version={OPENSHIFT}&arch={arch}")
            self.assertEqual(answer.body, IMAGE[extent.offset : extent.end])
            self.assertEqual(answer.header("content-disposition"), f'attachment; filename="{name}"')
            self.assertEqual(answer.header("content-type"), "application/octet-stream")
            self.assertRegex(answer.header("cache-control") or "", r"^public, max-age=\d+$")
            self.assertEqual(answer.header("last-modified"), "Sun, 09 Sep 2001 01:46:40 GMT")

    async def test_asks_nobody(self) -> None:
        await self.get(f"/boot-artifacts/kernel?version={OPENSHIFT}")
        self.assertEqual(self.infra_envs.asked, [])


class ErrorTableTests(RoutesTestCase):
    """Section 4 of the contract, row by row."""

    async def test_version_missing(self) -> None:
        text = "'version' parameter required"
        await self.assert_problem(f"/images/{ID}?type=full-iso", 400, text)
        await self.assert_problem("/boot-artifacts/kernel", 400, text)
        for route in ("pxe-initrd", "s390x-initrd-addrsize", "ipxe-script"):
            await self.assert_problem(f"/images/{ID}/{route}", 400, f"{text} for initrd download")

    async def test_type_missing_or_unknown(self) -> None:
        path = f"/images/{ID}?version={OPENSHIFT}"
        await self.assert_problem(path, 400, "'type' parameter required")
        await self.assert_problem(
            f"{path}&type=tiny-iso", 400, "invalid value 'tiny-iso' for parameter 'type'"
        )

    async def test_unknown_on_image_routes(self) -> None:
        for path in (
            f"/byid/{ID}/9.9/x86_64/full.iso",
            f"/images/{ID}?version=9.9&type=full-iso",
            f"/byid/{ID}/{OPENSHIFT}/arm64/disconnected.iso",
        ):
            answer = await self.assert_problem(path, 404, "version for ")
            self.assertIn(", not found", answer.text)
            self.assertIn(VERSION, answer.text, "it lists what there is")
        await self.assert_problem(f"/byid/{ID}/{OPENSHIFT}/mips/full.iso", 404, "x86_64, arm64")

    async def test_unknown_on_initrd_and_artifact_routes(self) -> None:
        for path in ("pxe-initrd?version=9.9", "s390x-initrd-addrsize?version=9.9"):
            await self.assert_problem(f"/images/{ID}/{path}", 400, ", not found")
        await self.assert_problem("/boot-artifacts/kernel?version=9.9", 400, ", not found")
        await self.assert_problem(
            f"/boot-artifacts/kernel?version={OPENSHIFT}&arch=mips", 400, ", not found"
        )

    async def test_bad_file_name(self) -> None:
        await self.assert_problem(
            f"/byid/{ID}/{OPENSHIFT}/x86_64/huge.iso", 404, "unrecognized file name 'huge.iso'"
        )

    async def test_token_that_cannot_be_read(self) -> None:
        for token in ("nonsense", jwt.encode({"sub": 7}, "k" * 32), jwt.encode({}, "k" * 32)):
            for route in ("byapikey", "bytoken"):
                answer = await self.assert_problem(
                    f"/{route}/{token}/{OPENSHIFT}/x86_64/full.iso", 404, "token"
                )
                self.assertNotIn(token, answer.text)

    async def test_no_id(self) -> None:
        other = jwt.encode({"sub": "someone@test"}, "k" * 32)
        for path in (
            f"/byid/{ID.upper()}/{OPENSHIFT}/x86_64/full.iso",
            "/images/passwd?version=4&type=full-iso",
            f"/bytoken/{other}/{OPENSHIFT}/x86_64/full.iso",
        ):
            answer = await self.assert_problem(path, 404, "expected a lower-case UUID")
            self.assertNotIn("someone", answer.text)

    async def test_path_of_another_shape(self) -> None:
        for path in (
            "/byid",
            f"/byid/{ID}",
            f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso/",
            "/images",
            f"/images/{ID}/other",
            "/boot-artifacts",
            "/boot-artifacts/kernel/x",
        ):
            answer = await self.get(path)
            self.assertEqual(answer.status, 404, path)
            self.assertTrue(answer.body)

    async def test_artifacts_that_are_not_there(self) -> None:
        await self.assert_problem(
            f"/boot-artifacts/ins-file?version={OPENSHIFT}", 404, "s390x only"
        )
        await self.assert_problem(
            f"/boot-artifacts/initrd?version={OPENSHIFT}", 404, "unknown boot artifact 'initrd'"
        )

    async def test_infra_env_source_fails(self) -> None:
        for status in (401, 404, 500, 502, 504):
            self.infra_envs.answer = InfraEnvError(status, "no Ignition config")
            for path in (
                f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso",
                f"/images/{ID}/pxe-initrd?version={OPENSHIFT}",
                f"/images/{ID}/s390x-initrd-addrsize?version={OPENSHIFT}",
            ):
                await self.assert_problem(path, status, "no Ignition config")

    async def test_not_ready(self) -> None:
        for path in (
            f"/byid/{ID}/{BAD}/x86_64/full.iso",
            f"/images/{ID}/pxe-initrd?version={BAD}",
            f"/boot-artifacts/kernel?version={BAD}",
        ):
            answer = await self.assert_problem(path, 503, "is waiting")
            self.assertEqual(answer.header("retry-after"), "30")

    async def test_failed(self) -> None:
        image = next(image for image in self.images.images if image.entry.version == BAD)
        next_try = self.application.clock.seconds() + 100
        image.change(ImageState.FAILED, "404 Not Found", next_try=next_try)
        answer = await self.assert_problem(
            f"/byid/{ID}/{BAD}/x86_64/full.iso", 503, "is failed: 404 Not Found"
        )
        self.assertIn(answer.header("retry-after"), ("99", "100"))

    async def test_no_area_for_kernel_arguments(self) -> None:
        await self.assert_problem(f"/byid/{ID}/{OPENSHIFT}/arm64/full.iso", 400, "kernel arguments")

    async def test_ignition_larger_than_its_area(self) -> None:
        noise = "".join(jwt.encode({"n": n}, "k" * 32) for n in range(200))
        self.infra_envs.answer = Configuration(json.dumps({"x": noise}).encode())
        answer = await self.assert_problem(
            f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso", 422, f"{IGNITION_AREA.length}"
        )
        self.assertNotIn(noise[:20], answer.text)

    async def test_image_without_an_ignition_area(self) -> None:
        """Images before 4.6 have none."""
        old = content(layout=replace(layout(), ignition_area=None))
        self.images.images[0].change(ImageState.READY, content=old)
        await self.assert_problem(
            f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso", 422, "no area for an Ignition config"
        )

    async def test_ramdisk_larger_than_its_area(self) -> None:
        self.infra_envs.answer = Configuration(b"{}", bytes(101))
        await self.assert_problem(f"/byid/{ID}/{OPENSHIFT}/x86_64/minimal.iso", 422, "101 bytes")

    async def test_arguments_larger_than_their_area(self) -> None:
        self.infra_envs.answer = Configuration(b"{}", kernel_arguments=("x" * 200,))
        await self.assert_problem(f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso", 422, "200")

    async def test_minimal_iso_of_s390x(self) -> None:
        await self.assert_problem(
            f"/byid/{ID}/{OPENSHIFT}/s390x/minimal.iso", 404, "boot loader cannot load a second"
        )

    async def test_minimal_iso_that_could_not_be_made(self) -> None:
        await self.assert_problem(
            f"/byid/{ID}/{OPENSHIFT}/arm64/minimal.iso", 503, "no boot configuration"
        )

    async def test_initrd_without_the_nmstatectl_that_it_wants(self) -> None:
        await self.assert_problem(
            f"/images/{ID}/pxe-initrd?version={OPENSHIFT}&arch=arm64", 503, "no root.squashfs"
        )

    async def test_other_methods(self) -> None:
        for path in (
            f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso",
            f"/images/{ID}/pxe-initrd?version={OPENSHIFT}",
            "/boot-artifacts/kernel",
            "/health",
            "/live",
            "/metrics",
            "/status",
        ):
            answer = await self.get(path, method="POST")
            self.assertEqual((answer.status, answer.header("allow")), (405, "GET, HEAD"), path)


class PlainListenerTests(RoutesTestCase):
    """Beside a TLS listener, the plain one serves what boots, and no discovery image."""

    boot_only = True

    async def test_serves(self) -> None:
        for path in (
            f"/images/{ID}/pxe-initrd?version={OPENSHIFT}",
            f"/images/{ID}/ipxe-script?version={OPENSHIFT}",
            f"/boot-artifacts/kernel?version={OPENSHIFT}",
            "/live",
            "/metrics",
            "/status",
        ):
            self.assertEqual((await self.get(path)).status, 200, path)
        self.assertEqual((await self.get("/health")).status, 503)

    async def test_does_not_serve(self) -> None:
        for path in (
            f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso",
            f"/bytoken/{TOKEN}/{OPENSHIFT}/x86_64/full.iso",
            f"/byapikey/{TOKEN}/{OPENSHIFT}/x86_64/full.iso",
            f"/images/{ID}?version={OPENSHIFT}&type=full-iso",
            f"/images/{ID}/s390x-initrd-addrsize?version={OPENSHIFT}",
        ):
            self.assertEqual((await self.get(path)).status, 404, path)


class WithAssistedServiceTests(RoutesTestCase):
    local_infra_envs = False

    async def test_no_ipxe_script(self) -> None:
        self.assertEqual((await self.get(f"/images/{ID}/ipxe-script?version=4")).status, 404)
