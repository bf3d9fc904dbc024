"""The image for an architecture, in indexes of all kinds."""

from __future__ import annotations

import json
from typing import Any

from assisted_images.oci.errors import PayloadError
from assisted_images.oci.manifests import Index
from assisted_images.oci.references import PullSpec
from assisted_images.registries.platforms import architectures_of, image_for
from assisted_images.registries.registry import Registries
from assisted_images.values import Architecture
from tests.assisted_images.registries.test_registry import Contents, HostileTestCase, digest_of

_OCI = "application/vnd.oci.image."
X86, ARM = Architecture.X86_64, Architecture.ARM64
_Document = dict[str, Any]


class PlatformTestCase(HostileTestCase):
    """A registry of documents."""

    def setUp(self) -> None:
        self.contents = Contents(media_type="application/json")

    def add(self, document: _Document, media_type: str = "x") -> _Document:
        """Its descriptor."""
        raw = json.dumps(document).encode()
        digest = digest_of(raw)
        self.contents.by_name[digest] = raw
        return {"mediaType": media_type, "digest": digest, "size": len(raw)}

    def image(self, architecture: str | None) -> _Document:
        """One whose config says so, or nothing."""
        config = {"architecture": architecture} if architecture else {}
        kind = f"{_OCI}manifest.v1+json"
        manifest = {"schemaVersion": 2, "mediaType": kind, "layers": [], "config": self.add(config)}
        return self.add(manifest, kind)

    def index(self, *manifests: _Document) -> _Document:
        kind = f"{_OCI}index.v1+json"
        document = {"schemaVersion": 2, "mediaType": kind, "manifests": manifests}
        return self.add(document, kind)

    def named(self, descriptor: _Document, architecture: str) -> _Document:
        return {**descriptor, "platform": {"architecture": architecture, "os": "linux"}}

    def start(self, root: _Document) -> tuple[Registries, PullSpec]:
        self.contents.by_name["tag"] = self.contents.by_name[root["digest"]]
        _, place = self.peer(self.contents)
        return self.client(place), PullSpec.parse(f"{place}/a/b:tag")

    async def assert_has(self, root: _Document, *architectures: Architecture) -> None:
        """These, each with a config that says so, and no others."""
        registries, spec = self.start(root)
        for architecture in Architecture:
            if architecture not in architectures:
                text = await self.failure(image_for(registries, spec, architecture), PayloadError)
                self.assertIn(f"the image has no {architecture}; it has", text)
                continue
            image = await image_for(registries, spec, architecture)
            self.assertTrue(image.chosen)
            self.assertEqual(image.digest, root["digest"])
            config = json.loads(await registries.small_blob(image, image.manifest.config, 999))
            self.assertIs(Architecture.parse(config["architecture"]), architecture)
        found = await registries.manifest(spec)
        assert isinstance(found.manifest, Index)
        self.assertEqual(await architectures_of(registries, spec, found.manifest), architectures)


class PlatformTests(PlatformTestCase):
    """Who wants one gets that one, or is told that there is none."""

    async def test_named(self) -> None:
        images = [self.named(self.image(name), name) for name in ("amd64", "arm64")]
        await self.assert_has(self.index(*images), X86, ARM)

    async def test_without_platforms(self) -> None:
        """The images' configs say it; what is none, or has not been mirrored, is passed over."""
        gone = {**self.image("s390x"), "digest": digest_of(b"gone")}
        signature = self.image(None)
        await self.assert_has(
            self.index(signature, gone, self.image("amd64"), self.image("arm64")), X86, ARM
        )

    async def test_some_without(self) -> None:
        """What is said counts first."""
        named = self.named(self.image("amd64"), "amd64")
        await self.assert_has(self.index(self.image("arm64"), named), X86, ARM)

    async def test_nested(self) -> None:
        """With and without platforms, at each level."""
        arm = self.named(self.image("arm64"), "arm64")
        await self.assert_has(self.index(self.index(self.image("amd64"), arm)), X86, ARM)
        await self.assert_has(self.index(self.index(arm)), ARM)
        x86 = self.named(self.index(self.image("amd64")), "amd64")
        await self.assert_has(self.index(x86, self.index(arm)), X86, ARM)

    async def test_nested_too_deeply(self) -> None:
        deep = self.index(self.image("amd64"))
        for _ in range(20):
            deep = self.index(deep)
        await self.assert_has(deep)

    async def test_said_and_not_there(self) -> None:
        empty = self.named(self.index(), "amd64")
        registries, spec = self.start(self.index(empty))
        text = await self.failure(image_for(registries, spec, X86), PayloadError)
        self.assertIn("the image has no x86_64; it has no architecture", text)

    async def test_too_many(self) -> None:
        """However many there are, few are looked into."""
        images = [self.image(f"mips{number}") for number in range(99)]
        registries, spec = self.start(self.index(*images, self.image("amd64")))
        asked = len(self.contents.asked)
        await self.failure(image_for(registries, spec, X86), PayloadError)
        self.assertLess(len(self.contents.asked) - asked, 40)
