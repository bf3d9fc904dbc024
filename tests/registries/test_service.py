"""With C{RELEASE_IMAGES} the service needs nothing but registries."""

from __future__ import annotations

import filecmp
import json
import random
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from assisted_images.values import Architecture
from demo.service import ServiceProcess
from tests.coreos_reader import CoreosIso
from tests.registries.case import BOTH, pull_secret, release_images, small_isos
from tests.registries.layout import Layout
from tests.registries.payload import (
    RELEASE,
    RHCOS_VERSION,
    Payload,
    build_payload,
    image_references,
    small_iso,
)
from tests.registries.registry import Registry
from tests.registries.service import ReleaseServiceTestCase, file_name

X86_64, ARM64 = BOTH
_LARGE = 300 << 20
"""Bytes of zeros."""

_MEMORY = 128 << 20
"""Bytes: twice what a service without images needs."""


class ServiceTests(ReleaseServiceTestCase):
    """From an empty DATA_DIR to discovery ISOs of both architectures."""

    async def assert_served(self, service: ServiceProcess) -> None:
        """Full and minimal ISOs of both architectures, by any of their versions."""
        for architecture, original in small_isos().items():
            full = CoreosIso(await self.download(service, self.path(architecture, "full.iso")))
            self.assertEqual(full.size, CoreosIso(original).size)
            rootfs = full.read("images/pxeboot/rootfs.img")
            self.assertEqual(rootfs, CoreosIso(original).read("images/pxeboot/rootfs.img"))
            self.assertIn(b"3.2.0", full.ignition_config)
            path = self.path(architecture, "minimal.iso", RHCOS_VERSION)
            minimal = CoreosIso(await self.download(service, path))
            self.assertNotIn("images/pxeboot/rootfs.img", minimal.paths)
            url = f"boot-artifacts/rootfs?arch={architecture}&version={RELEASE}"
            self.assertIn(url, minimal.read("EFI/redhat/grub.cfg").decode())
            got = await self.get(service, f"/{url}")
            self.assertEqual((got.status, got.body), (200, rootfs))

    async def test_only_releases(self) -> None:
        """
        A registry with TLS of an authority of its own, and with logins.  A restart asks nobody.
        """
        tls, bundle = self.certificate()
        registry = await self.registry(tls=tls, htpasswd=True)
        await self.small_payload(registry.host, registry)
        settings = release_images(registry.host) | {
            "PULL_SECRET": pull_secret(registry.host),
            "REGISTRY_TRUSTED_CA_FILE": str(bundle),
        }
        service = await self.start(settings, healthy=True)
        await self.assert_served(service)
        for image in await self.status(service):
            self.assertEqual((image["state"], image["reason"]), ("ready", None))
            self.assertEqual(image["rhcos_version"], RHCOS_VERSION)
            self.assertEqual(image["bytes"], image["total"])
        metrics = await self.metrics(service)
        labels = f'{{arch="arm64",type="full-iso",version="{RELEASE}"}}'
        self.assertEqual(metrics["image_bytes" + labels], small_isos()[ARM64].stat().st_size)
        names = [file_name(one) + end for one in BOTH for end in ("", ".release.json")]
        self.assertEqual([n for n in self.names() if ".checked.json" not in n], sorted(names))
        self.assertEqual(await service.stop(60), 0)

        asked = len(registry.accesses)
        await registry.kill()
        await self.assert_served(await self.start(settings, healthy=True))
        self.assertEqual(len(registry.accesses), asked)

    async def test_mirror(self) -> None:
        """The source cannot be reached, and registries.conf has a mirror of it."""
        source, mirror = await self.registry(), await self.registry()
        await self.small_payload(source.host, mirror)
        await source.kill()
        settings = release_images(source.host) | self.insecure(source.host, mirrors=(mirror,))
        await self.assert_served(await self.start(settings, healthy=True))

    async def test_beside_os_images(self) -> None:
        """An image that is in both lists comes from its URL."""
        registry = await self.registry()
        await self.small_payload(registry.host, registry)
        entry = {
            "openshift_version": "4.14",
            "cpu_architecture": "x86_64",
            "version": RELEASE,
            "url": "http://127.0.0.1:9/image.iso",
        }
        settings = release_images(registry.host) | self.insecure(registry.host)
        service = await self.start(settings | {"OS_IMAGES": json.dumps([entry])})
        self.assertIn("127.0.0.1:9/image.iso", await self.reason(service, X86_64))
        await service.wait_for(lambda: self.ready(service, ARM64), "serve the other", 60)

    @staticmethod
    def ready(service: ServiceProcess, architecture: Architecture) -> bool:
        return any(
            event.get("state") == "ready" and event["arch"] == architecture
            for event in service.events
        )

    async def test_flipped_byte(self) -> None:
        """A broken blob is named, nothing of it is kept, and the other image is served."""
        registry = await self.registry()
        payload = await self.small_payload(registry.host, registry)
        layer = payload.layers[X86_64][-1]
        flip(registry.blob(layer.digest))
        settings = release_images(registry.host) | self.insecure(registry.host)
        service = await self.start(settings)
        reason = await self.reason(service, X86_64)
        self.assertIn(layer.digest, reason)
        self.assertIn("expected", reason)
        await service.wait_for(lambda: self.ready(service, ARM64), "serve the other", 60)
        got = await self.get(service, self.path(ARM64, "full.iso"))
        self.assertEqual(got.status, 200)
        refused = await self.get(service, self.path(X86_64, "full.iso"))
        self.assertEqual(refused.status, 503)
        self.assertEqual(await service.stop(60), 0)
        left = [name for name in self.names() if "x86_64" in name and not name.endswith(".part")]
        self.assertEqual(left, [])
        self.assertEqual(sum(file.stat().st_size for file in self.data.glob("*.part")), 0)

        flip(registry.blob(layer.digest))
        await self.assert_served(await self.start(settings, healthy=True))

    async def test_logins(self) -> None:
        """Without a login, and with a wrong one: which registry, and nothing secret."""
        registry = await self.registry(htpasswd=True)
        await self.small_payload(registry.host, registry)
        settings = release_images(registry.host, X86_64) | self.insecure(registry.host)
        settings["LOG_LEVEL"] = "debug"
        for secret, expected in {
            pull_secret("other.example"): "no matching entry",
            pull_secret(registry.host, "wrong-password"): "refuses the login",
        }.items():
            file = self.directory() / "pull-secret.json"
            file.write_text(secret)
            service = await self.start(settings | {"PULL_SECRET_FILE": str(file)})
            reason = await self.reason(service, X86_64)
            self.assertIn(f"registry {registry.host} ", reason)
            self.assertIn(expected, reason)
            [image] = await self.status(service)
            self.assertEqual(image["rhcos_version"], None)
            self.assertEqual(await service.stop(60), 0)

    async def test_large(self) -> None:
        """Hundreds of MiB take little memory, and are written once."""
        registry = await self.registry()
        isos = {one: small_iso(self.directory(), one, _LARGE) for one in BOTH}
        await build_payload(self.directory() / "payload", registry.host, isos).push(registry)
        settings = release_images(registry.host) | self.insecure(registry.host)
        service = await self.start(settings, healthy=True)
        self.assertLess(service.peak_memory, _MEMORY)
        io = Path(f"/proc/{service.pid}/io").read_text()
        written = int(io.partition("\nwrite_bytes: ")[2].partition("\n")[0])
        self.assertLess(written, sum(iso.stat().st_size for iso in isos.values()) + (4 << 20))
        for architecture, iso in isos.items():
            self.assertTrue(filecmp.cmp(self.data / file_name(architecture), iso, shallow=False))

    async def test_service_stopped_in_the_middle(self) -> None:
        """It goes down at once; the next process begins anew."""
        registry = await self.registry()
        iso = small_iso(self.directory(), X86_64, random.Random(0).randbytes(64 << 20))
        payload = build_payload(self.directory() / "payload", registry.host, {X86_64: iso})
        await payload.push(registry)
        settings = release_images(registry.host, X86_64) | self.insecure(registry.host)
        begun: Deferred[None] = Deferred()
        self.watch(lambda size: size > 1 << 20, lambda: begun.callback(None))
        service = await self.start(settings)
        await begun
        self.assertEqual(await service.stop(60), 0)
        self.assertFalse((self.data / file_name(X86_64)).exists())
        await self.start(settings, healthy=True)
        self.assertTrue(filecmp.cmp(self.data / file_name(X86_64), iso, shallow=False))
        layer = payload.layers[X86_64][-1].digest
        self.assertEqual([access.status for access in registry.gets(layer)][-1], 200)

    def watch(self, reached: Callable[[int], bool], then: Callable[[], object]) -> None:
        """Look all the time how much of the image for x86_64 is there."""
        part = self.data / (file_name(X86_64) + ".part")

        def look() -> None:
            if part.exists() and reached(part.stat().st_size):
                looking.stop()
                then()

        looking = LoopingCall(look)
        looking.start(0.001)
        self.addCleanup(_stop, looking)

    async def test_registry_killed_in_the_middle(self) -> None:
        """It goes on from there, once the registry is back."""
        registry = await self.registry()
        noise = random.Random(0).randbytes(64 << 20)
        iso = small_iso(self.directory(), X86_64, noise)
        payload = build_payload(Path(self.mktemp()).resolve(), registry.host, {X86_64: iso})
        await payload.push(registry)
        layer = payload.layers[X86_64][-1]
        half = iso.stat().st_size // 2
        self.watch(lambda size: size > half, registry.kill_now)
        settings = release_images(registry.host, X86_64) | self.insecure(registry.host)
        service = await self.start(settings)
        reason = await self.reason(service, X86_64)
        self.assertIn("the connection broke after", reason)
        failed = next(event for event in service.events if event.get("state") == "failed")
        self.assertGreater(failed["bytes"], half)
        self.assertEqual(failed["total"], iso.stat().st_size)
        await registry.kill()
        await registry.start()
        await service.wait_until_healthy(60)
        self.assertEqual((self.data / file_name(X86_64)).read_bytes(), iso.read_bytes())

        [resumed] = registry.gets(layer.digest)
        self.assertEqual(resumed.status, 206)
        size = layer.descriptor["size"]
        self.assertLess(resumed.bytes, size - half * 0.9)
        print(f"killed at {failed['bytes']} of {failed['total']} bytes; {size - resumed.bytes} of"
              f" the layer's {size} were not asked for again")  # fmt: skip


class OtherReleaseTests(ReleaseServiceTestCase):
    """The pull spec of an image changes, and its version does not."""

    async def pushed_again(self, registry: Registry, payload: Payload, tag: str) -> None:
        """Another release, with the same images."""
        layout = Layout(Path(self.mktemp()).resolve())
        spec = f"{registry.host}/ocp/art-dev@{payload.images['digest']}"
        references = image_references(spec, "4.14.0-again")
        release = layout.image(
            [layout.layer({"release-manifests/image-references": references})], "amd64"
        )
        layout.name(release, "release")
        await Payload(layout, release, {}, {}, {}).push_release(registry, tag)

    async def test_same_image(self) -> None:
        """The file that is there is kept: only the release is looked at."""
        registry = await self.registry()
        payload = await self.small_payload(registry.host, registry)
        await self.pushed_again(registry, payload, "again")
        conf = self.insecure(registry.host)
        service = await self.start(release_images(registry.host, X86_64) | conf, healthy=True)
        self.assertEqual(await service.stop(60), 0)
        registry.accesses.clear()
        settings = release_images(registry.host, X86_64, tag="again") | conf
        await self.start(settings, healthy=True)
        self.assertNotEqual(registry.gets("manifests/again"), [])
        self.assertEqual(registry.gets(payload.layers[X86_64][-1].digest), [])

    async def test_other_image(self) -> None:
        """The other release's image takes its place."""
        registry = await self.registry()
        await self.small_payload(registry.host, registry)
        conf = self.insecure(registry.host)
        service = await self.start(release_images(registry.host, X86_64) | conf, healthy=True)
        self.assertEqual(await service.stop(60), 0)
        iso = small_iso(self.directory(), X86_64, b"another rootfs")
        other = build_payload(Path(self.mktemp()).resolve(), registry.host, {X86_64: iso})
        await other.push(registry, tag="other")
        settings = release_images(registry.host, X86_64, tag="other") | conf
        service = await self.start(settings, healthy=True)
        self.assertEqual((self.data / file_name(X86_64)).read_bytes(), iso.read_bytes())
        self.assertTrue(any("it is of another release" in line for line in service.lines))


def _stop(looking: LoopingCall) -> None:
    if looking.running:
        looking.stop()


def flip(blob: Path) -> None:
    """Change one byte in the middle of a file, or change it back."""
    with blob.open("r+b") as file:
        file.seek(blob.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))
