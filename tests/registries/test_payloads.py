"""Payloads in Debian's registry, made by Debian's skopeo, and the ISOs that come out of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from assisted_images.downloads.parts import NoSpace
from assisted_images.downloads.room import Room
from assisted_images.oci.image_references import OsImageStream
from assisted_images.oci.references import PullSpec
from assisted_images.registries.registry import Registries
from assisted_images.registries.releases import (
    ReleaseDownloader,
    iso_beginning,
    resolve,
)
from assisted_images.values import Architecture
from httpd.outbound.failures import DownloadError
from tests.registries.case import (
    ARM64,
    BOTH,
    SOURCE,
    X86_64,
    ClientTestCase,
    Seen,
    registries_conf,
    release_at,
    small_isos,
)
from tests.registries.layout import Layout
from tests.registries.payload import (
    GO_NAMES,
    IMAGES,
    ISO_NAMES,
    REFERENCES,
    RELEASE,
    RELEASES,
    Payload,
    image_references,
)
from tests.registries.registry import Registry

_Layers = tuple[Mapping[str, bytes | Path], ...]


def _whiteout(path: str) -> str:
    directory, _, name = path.rpartition("/")
    return f"{directory}/.wh.{name}"


class PayloadTests(ClientTestCase):
    """From a pull spec to an ISO."""

    async def assert_isos(self, registries: Registries, place: str) -> None:
        for architecture in BOTH:
            seen: Seen = []
            content = await self.download(registries, place, architecture, seen=seen)
            self.assertEqual(content, self.iso(architecture))
            self.assertEqual(seen[-1], (len(content), len(content)))
            self.assertEqual(seen, sorted(seen, key=lambda pair: pair[0]))

    async def test_both_architectures(self) -> None:
        """Out of a gzip layer that overrides another, and out of a zstd layer below another."""
        registry = await self.registry()
        await self.small_payload(registry.host, registry)
        registries = self.registries(conf=registries_conf(registry.host))
        await self.assert_isos(registries, registry.host)

    async def test_dockers_family(self) -> None:
        """A manifest list of Docker's with manifests of schema 2."""
        registry = await self.registry()
        layout = Layout(Path(self.mktemp()).resolve())
        images = layout.index(
            layout.image([layout.layer({ISO_NAMES[one]: path})], GO_NAMES[one])
            for one, path in small_isos().items()
        )
        layout.name(images, "images")
        await Payload(layout, {}, images, {}, {}).push_images(registry, "--format", "v2s2")
        spec = PullSpec.parse(f"{registry.host}/{IMAGES}:machine-os-images")
        registries = self.registries(conf=registries_conf(registry.host))
        digest = (await registries.manifest(spec)).digest
        self.assertNotEqual(digest, images["digest"])
        await self.release(registry, f"{registry.host}/{IMAGES}@{digest}")
        await self.assert_isos(registries, registry.host)

    async def test_without_platforms(self) -> None:
        """An index that does not say what its images are for; their configs do."""
        registry = await self.registry()
        layout = Layout(Path(self.mktemp()).resolve())
        images = [
            layout.image([layout.layer({ISO_NAMES[one]: path})], GO_NAMES[one])
            for one, path in small_isos().items()
        ]
        for image in images:
            del image["platform"]
        index = layout.index(images)
        layout.name(index, "images")
        await Payload(layout, {}, index, {}, {}).push_images(registry)
        await self.release(registry, f"{registry.host}/{IMAGES}@{index['digest']}")
        await self.assert_isos(self.registries(conf=registries_conf(registry.host)), registry.host)

    async def release(self, registry: Registry, machine_os_images: str | None) -> None:
        """Push a release that says so."""
        layout = Layout(Path(self.mktemp()).resolve())
        references = image_references(machine_os_images)
        release = layout.image([layout.layer({REFERENCES: references})], "amd64")
        layout.name(release, "release")
        await Payload(layout, release, {}, {}, {}).push_release(registry, RELEASE)

    async def test_single_image(self) -> None:
        """A payload for one architecture has no index; its config says which."""
        registry = await self.registry()
        layout = Layout(Path(self.mktemp()).resolve())
        layer = layout.layer({ISO_NAMES[ARM64]: small_isos()[ARM64]})
        image = layout.image([layer], GO_NAMES[ARM64])
        layout.name(image, "images")
        await Payload(layout, {}, image, {}, {}).push_images(registry)
        await self.release(registry, f"{registry.host}/{IMAGES}@{image['digest']}")
        registries = self.registries(conf=registries_conf(registry.host))
        content = await self.download(registries, registry.host, ARM64)
        self.assertEqual(content, self.iso(ARM64))
        text = await self.refusal(registries, registry.host)
        self.assertIn("has no x86_64; it has arm64", text)

    async def streams(self, *layers: Mapping[str, bytes | Path]) -> Registries:
        """A client of a registry with a release whose image has these layers, for x86_64."""
        registry = await self.registry()
        layout = Layout(Path(self.mktemp()).resolve())
        image = layout.image([layout.layer(files) for files in layers], GO_NAMES[X86_64])
        layout.name(image, "images")
        await Payload(layout, {}, image, {}, {}).push_images(registry)
        await self.release(registry, f"{registry.host}/{IMAGES}@{image['digest']}")
        self.place = registry.host
        return self.registries(conf=registries_conf(registry.host))

    async def test_streams(self) -> None:
        """The one that there is; of two the one that is wanted, else the older."""
        old, new = ISO_NAMES[X86_64], "coreos/coreos10-x86_64.iso"
        iso = small_isos()[X86_64]
        rhel_9, rhel_10 = OsImageStream.RHEL_9, OsImageStream.RHEL_10
        cases: list[tuple[_Layers, dict[OsImageStream | None, str | None]]] = [
            (({new: iso}, {"x": b"x"}), {None: new, rhel_10: new, rhel_9: None}),
            (({old: iso},), {None: old, rhel_10: None, rhel_9: old}),
            (({old: iso}, {new: iso}), {None: old, rhel_10: new, rhel_9: old}),
            (({new: iso, old: iso},), {None: old, rhel_10: new, rhel_9: old}),
            (({old: b"x", new: iso}, {_whiteout(old): b""}), {None: new, rhel_9: None}),
            (({old: b"x", new: b"x"}, {"coreos/.wh..wh..opq": b""}), {None: None}),
        ]
        for layers, found in cases:
            registries = await self.streams(*layers)
            for stream, path in found.items():
                part = self.part()
                downloader = ReleaseDownloader(registries, Room())
                running = downloader.download(
                    release_at(self.place), X86_64, part, lambda here, total: None, stream
                )
                if path is None:
                    text = await self.failure(running, DownloadError)
                    self.assertRegex(text, r"coreos(10)?-x86_64\.iso")
                    self.assertEqual(part.size, 0)
                    continue
                self.assertEqual((await running).paths, (path,))
                self.assertEqual(part.path.read_bytes(), self.iso())
                resolved = await resolve(registries, release_at(self.place), X86_64, stream)
                self.assertEqual((await iso_beginning(registries, resolved, 99))[0], path)

    async def test_architecture_missing(self) -> None:
        registry = await self.registry()
        await self.small_payload(registry.host, registry)
        registries = self.registries(conf=registries_conf(registry.host))
        text = await self.refusal(registries, registry.host, architecture=Architecture.PPC64LE)
        self.assertIn("no ppc64le; it has x86_64, arm64", text)

    async def test_before_4_11(self) -> None:
        registry = await self.registry()
        await self.release(registry, None)
        registries = self.registries(conf=registries_conf(registry.host))
        text = await self.refusal(registries, registry.host)
        self.assertIn("a release before 4.11", text)

    async def test_whited_out(self) -> None:
        """What an upper layer removes is not there, and neither what is in a removed directory."""
        for whiteout in ("coreos/.wh.coreos-x86_64.iso", ".wh.coreos", "coreos/.wh..wh..opq"):
            registry = await self.registry()
            await self.small_payload(registry.host, registry, top=[whiteout])
            registries = self.registries(conf=registries_conf(registry.host))
            text = await self.refusal(registries, registry.host)
            self.assertIn(f"removes {ISO_NAMES[X86_64]}", text)

    async def test_resolved(self) -> None:
        """Versions and digests, and a look at the ISO that does not read all of it."""
        registry = await self.registry()
        payload = await self.small_payload(registry.host, registry)
        registries = self.registries(conf=registries_conf(registry.host))
        iso = await resolve(registries, release_at(registry.host), X86_64)
        self.assertEqual(iso.version, RELEASE)
        self.assertEqual(iso.machine_os_images.digest, payload.images["digest"])
        _, size, beginning = await iso_beginning(registries, iso, 40_000)
        self.assertEqual(size, len(self.iso()))
        self.assertGreaterEqual(len(beginning), 40_000)
        self.assertTrue(self.iso().startswith(beginning))
        self.assertIn(b"rhcos-418.94", beginning)

    async def test_nothing_there(self) -> None:
        registry = await self.registry()
        registries = self.registries(conf=registries_conf(registry.host))
        text = await self.refusal(registries, registry.host)
        self.assertIn(
            f"registry {registry.host} has no manifest {RELEASE} in {RELEASES} (404)", text
        )

    async def test_blocked(self) -> None:
        conf = registries_conf(SOURCE, blocked=True)
        self.assertIn("is blocked", await self.refusal(self.registries(conf=conf), SOURCE))

    async def test_dated(self) -> None:
        """The file has the date that it has in its layer, so that replicas agree."""
        registry = await self.registry()
        await self.small_payload(registry.host, registry)
        part = self.part()
        registries = self.registries(conf=registries_conf(registry.host))
        await self.download(registries, registry.host, part=part)
        self.assertEqual(part.path.stat().st_mtime, 1_700_000_000)

    async def test_no_room(self) -> None:
        """Other downloads have been promised all that is free: known before the first byte."""
        registry = await self.registry()
        await self.small_payload(registry.host, registry)
        registries = self.registries(conf=registries_conf(registry.host))
        room, other = Room(), self.part()
        other.require_space = lambda length, promised=0: None  # type: ignore[method-assign]
        room.promise(other, 1 << 62)
        part = self.part()
        downloading = ReleaseDownloader(registries, room).download(
            release_at(registry.host), X86_64, part, lambda present, total: None
        )
        await self.failure(downloading, NoSpace)
        self.assertEqual(part.size, 0)
