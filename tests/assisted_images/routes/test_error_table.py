"""The errors of the routes (docs/reference/http-api.md, "Errors")."""

from __future__ import annotations

import json
from dataclasses import replace

import jwt

from assisted_images.infra_envs.configurations import (
    InfraEnvError,
)
from assisted_images.store.states import ImageState
from assisted_images.values import Configuration
from tests.assisted_images.kernel_arguments import appended, replaced
from tests.assisted_images.routes.application import (
    ID,
    IGNITION_AREA,
    OPENSHIFT,
    VERSION,
    content,
    layout,
)
from tests.assisted_images.routes.routes import BAD, RoutesTestCase


class ErrorTableTests(RoutesTestCase):
    """Status and text, row by row."""

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
        self.images.images[0].change(ImageState.READY, ready=old)
        await self.assert_problem(
            f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso", 422, "no area for an Ignition config"
        )

    async def test_ramdisk_larger_than_its_area(self) -> None:
        self.infra_envs.answer = Configuration(b"{}", bytes(101))
        await self.assert_problem(f"/byid/{ID}/{OPENSHIFT}/x86_64/minimal.iso", 422, "101 bytes")

    async def test_arguments_larger_than_their_area(self) -> None:
        self.infra_envs.answer = Configuration(b"{}", kernel_arguments=appended("x" * 200))
        await self.assert_problem(f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso", 422, "200")

    async def test_arguments_that_cannot_be_edited(self) -> None:
        self.infra_envs.answer = Configuration(b"{}", kernel_arguments=replaced("quiet=1"))
        await self.assert_problem(f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso", 422, "KEY=OLD=NEW")

    async def test_minimal_iso_of_s390x(self) -> None:
        await self.assert_problem(
            f"/byid/{ID}/{OPENSHIFT}/s390x/minimal.iso", 404, "boot loader cannot load a second"
        )

    async def test_what_could_not_be_made(self) -> None:
        """The image is ready: to wait would not help, so nothing says for how long."""
        for path, reason in (
            (f"/byid/{ID}/{OPENSHIFT}/arm64/minimal.iso", "no boot configuration"),
            (f"/images/{ID}/pxe-initrd?version={OPENSHIFT}&arch=arm64", "no root.squashfs"),
        ):
            await self.assert_problem(path, 503, reason)
            self.assertIsNone((await self.get(path)).header("retry-after"))

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
