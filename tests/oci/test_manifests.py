"""Manifests and indexes of both families, image-references, and what is wrong with others."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.oci import manifests
from assisted_images.oci.compression import Compression
from assisted_images.oci.errors import PayloadError
from assisted_images.oci.image_references import (
    ImageReferencesError,
    iso_path,
    machine_os_images,
    release_version,
)
from assisted_images.oci.manifests import Index, Manifest, ManifestError, parse
from assisted_images.values import Architecture
from tests.oci.test_references import SHA256

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."
OCI_MANIFEST, OCI_INDEX = OCI + "manifest.v1+json", OCI + "index.v1+json"
DOCKER_MANIFEST = DOCKER + "distribution.manifest.v2+json"
DOCKER_LIST = DOCKER + "distribution.manifest.list.v2+json"
X86, ARM = Architecture.X86_64, Architecture.ARM64


def descriptor(media_type: str, number: int = 1, **more: Any) -> dict[str, Any]:
    """A descriptor as manifests have it."""
    return {"mediaType": media_type, "digest": f"sha256:{number:064x}", "size": number, **more}


def manifest(media_type: str = OCI_MANIFEST, *layers: str) -> dict[str, Any]:
    """A manifest whose layers have these media types."""
    return {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor("application/vnd.oci.image.config.v1+json", 99),
        "layers": [descriptor(layer, number) for number, layer in enumerate(layers, 1)],
    }


def index(media_type: str = OCI_INDEX, *platforms: tuple[str, str]) -> dict[str, Any]:
    """An index with manifests for these operating systems and architectures."""
    items = [
        descriptor(OCI_MANIFEST, number, platform={"os": os, "architecture": architecture})
        for number, (os, architecture) in enumerate(platforms, 1)
    ]
    return {"schemaVersion": 2, "mediaType": media_type, "manifests": items}


def image_stream(**changes: Any) -> dict[str, Any]:
    """An image-references like those of releases, with C{changes}."""
    name = f"quay.io/openshift-release-dev/ocp-v4.0-art-dev@{SHA256}"
    tags = [
        {"name": other, "from": {"kind": "DockerImage", "name": name}, "annotations": {"x": "y"}}
        for other in ("cli", "machine-os-images", "installer")
    ]
    return {
        "kind": "ImageStream",
        "apiVersion": "image.openshift.io/v1",
        "metadata": {"name": "4.14.0", "creationTimestamp": "2023-10-31T00:00:00Z"},
        "spec": {"lookupPolicy": {"local": False}, "tags": tags},
        "status": {"dockerImageRepository": ""},
    } | changes


def read(document: Any, media_type: str | None = None) -> Manifest | Index:
    """What is read of a document."""
    return parse(json.dumps(document).encode(), media_type)


class ManifestTests(SynchronousTestCase):
    """One image."""

    def test_layers_are_in_order(self) -> None:
        for media_type in (OCI_MANIFEST, DOCKER_MANIFEST):
            found = read(manifest(media_type, "a", "b", "c"), media_type)
            assert isinstance(found, Manifest)
            self.assertEqual([layer.media_type for layer in found.layers], ["a", "b", "c"])
            self.assertEqual([layer.size for layer in found.layers], [1, 2, 3])
            self.assertEqual(found.layers[1].digest, f"sha256:{2:064x}")
            self.assertEqual(found.config.size, 99)

    def test_compressions(self) -> None:
        for layer, compression in (
            (OCI + "layer.v1.tar", Compression.NONE),
            (OCI + "layer.v1.tar+gzip", Compression.GZIP),
            (OCI + "layer.v1.tar+zstd", Compression.ZSTD),
            (DOCKER + "image.rootfs.diff.tar", Compression.NONE),
            (DOCKER + "image.rootfs.diff.tar.gzip", Compression.GZIP),
            (DOCKER + "image.rootfs.diff.tar.zstd", Compression.ZSTD),
        ):
            found = read(manifest(OCI_MANIFEST, layer))
            assert isinstance(found, Manifest)
            self.assertIs(found.layers[0].compression, compression)

    def test_other_layers(self) -> None:
        """An encrypted layer, an artifact's file: told when it is needed, by its digest."""
        found = read(manifest(OCI_MANIFEST, OCI + "layer.v1.tar+gzip+encrypted"))
        assert isinstance(found, Manifest)
        with self.assertRaises(ManifestError) as caught:
            _ = found.layers[0].compression
        self.assertRegex(
            str(caught.exception),
            r"the layer sha256:0+1 has the media type '.*encrypted'; expected",
        )

    def test_config(self) -> None:
        for name, architecture in (("amd64", X86), ("arm64", ARM), ("s390x", "s390x")):
            raw = json.dumps({"architecture": name, "os": "linux"}).encode()
            self.assertEqual(manifests.config_architecture(raw), architecture)
        for text, expected in (
            ('{"architecture": "riscv64"}', "for the architecture 'riscv64'; expected one of x86"),
            ("{}", "missing required field `architecture`"),
            ("", "cannot be read"),
        ):
            with self.assertRaises(ManifestError) as caught:
                manifests.config_architecture(text.encode())
            self.assertIn(expected, str(caught.exception))


class IndexTests(SynchronousTestCase):
    """One image for several platforms."""

    def test_architectures(self) -> None:
        for media_type in (OCI_INDEX, DOCKER_LIST):
            found = read(index(media_type, ("linux", "arm64"), ("linux", "amd64")), media_type)
            assert isinstance(found, Index)
            self.assertEqual(found.architectures, (X86, ARM))
            self.assertEqual(found.for_architecture(ARM).size, 1)
            self.assertEqual(found.for_architecture(X86).size, 2)

    def test_missing_architecture(self) -> None:
        found = read(index(OCI_INDEX, ("linux", "arm64"), ("linux", "ppc64le"), ("linux", "mips")))
        assert isinstance(found, Index)
        with self.assertRaises(ManifestError) as caught:
            found.for_architecture(X86)
        self.assertEqual(str(caught.exception), "the image has no x86_64; it has arm64, ppc64le")

    def test_what_is_for_no_host_is_passed_over(self) -> None:
        """Attestations and images for Windows stand in indexes, too."""
        document = index(OCI_INDEX, ("unknown", "unknown"), ("windows", "amd64"))
        document["manifests"].append(descriptor("application/x"))
        found = read(document)
        assert isinstance(found, Index)
        self.assertEqual(found.architectures, ())
        with self.assertRaises(ManifestError) as caught:
            found.for_architecture(X86)
        self.assertIn("it has no architecture that is known here", str(caught.exception))


class KindTests(SynchronousTestCase):
    """What a document is: the registry and the document itself must not disagree."""

    def test_either_says_it(self) -> None:
        for document, kind in ((manifest(), Manifest), (index(), Index)):
            named = document["mediaType"]
            for media_type in (named, f"{named.upper()}; charset=utf-8", None, "text/plain"):
                self.assertIsInstance(read(document, media_type), kind)
            del document["mediaType"]
            for media_type in (named, None, "application/json"):
                self.assertIsInstance(read(document, media_type), kind)

    def refusal(self, document: Any, media_type: str | None = None) -> str:
        with self.assertRaises(ManifestError) as caught:
            read(document, media_type)
        return str(caught.exception)

    def test_disagreement(self) -> None:
        self.assertEqual(
            self.refusal(manifest(OCI_MANIFEST), DOCKER_MANIFEST),
            f"the registry calls the manifest {DOCKER_MANIFEST}, the manifest itself"
            f" {OCI_MANIFEST}; expected one media type",
        )

    def test_both(self) -> None:
        for media_type in (OCI_MANIFEST, OCI_INDEX):
            self.assertIn(
                "has both layers and manifests", self.refusal(manifest() | index(), media_type)
            )

    def test_schema_1(self) -> None:
        old = {"schemaVersion": 1, "fsLayers": [], "history": []}
        for document, media_type in (
            (old, None),
            (old, DOCKER + "distribution.manifest.v1+prettyjws"),
            (manifest(DOCKER + "distribution.manifest.v1+json"), None),
        ):
            self.assertIn("is of Docker's schema 1", self.refusal(document, media_type))

    def test_other_kinds(self) -> None:
        self.assertIn(
            "the manifest's media type is 'application/x'; expected one of application/vnd.oci",
            self.refusal(manifest("application/x")),
        )

    def test_too_large(self) -> None:
        raw = b" " * (manifests.MOST_BYTES + 1)
        with self.assertRaises(ManifestError) as caught:
            parse(raw, None)
        self.assertIn("expected at most 4194304", str(caught.exception))

    def test_wrong_descriptors(self) -> None:
        for change, expected in (
            ({"digest": "sha256:../../etc"}, "a digest in the manifest is not a digest; expected"),
            ({"digest": 5}, "Expected `str`, got `int` - at `$.layers[0].digest`"),
            ({"size": -1}, "a size of -1 bytes; expected 0 to 9223372036854775807"),
            ({"size": "1"}, "Expected `int`, got `str` - at `$.layers[0].size`"),
            ({"size": 2**63}, "a size of 9223372036854775808 bytes; expected 0 to"),
            ({"size": 1.5}, "the manifest cannot be read: "),
        ):
            document = manifest(OCI_MANIFEST, "x")
            document["layers"][0].update(change)
            self.assertIn(expected, self.refusal(document))


class ImageReferencesTests(SynchronousTestCase):
    """What a release says of its payload."""

    RAW = json.dumps(image_stream()).encode()

    def refusal(self, raw: bytes, reader: Callable[[bytes], object] = machine_os_images) -> str:
        with self.assertRaises(ImageReferencesError) as caught:
            reader(raw)
        return str(caught.exception)

    def test_found(self) -> None:
        self.assertEqual(
            str(machine_os_images(self.RAW)),
            f"quay.io/openshift-release-dev/ocp-v4.0-art-dev@{SHA256}",
        )
        self.assertEqual(release_version(self.RAW), "4.14.0")

    def test_before_4_11(self) -> None:
        specs: list[dict[str, Any]] = [
            {"tags": [{"name": "cli"}]},
            {"tags": []},
            {"tags": None},
            {},
        ]
        for spec in specs:
            told = self.refusal(json.dumps(image_stream(spec=spec)).encode())
            self.assertIn("has no image machine-os-images: it is a release before 4.11", told)

    def test_wrong_pull_spec(self) -> None:
        for name, expected in (
            ("x", "the pull spec of machine-os-images in the release: 'x' does not begin"),
            ("q.io/a:b", "the pull spec of machine-os-images in the release, q.io/a:b, has no dig"),
            ("q.io/../a@" + SHA256, "is no repository"),
            (None, "cannot be read"),
        ):
            tags = [{"name": "machine-os-images", "from": {"name": name}}]
            told = self.refusal(json.dumps(image_stream(spec={"tags": tags})).encode())
            self.assertIn(expected, told)

    def test_another_document(self) -> None:
        for reader in (machine_os_images, release_version):
            for raw, expected in (
                (b"", "cannot be read"),
                (b"\xff", "cannot be read"),
                (b"[" * 100_000, "cannot be read"),
                (b'{"a":' * 100_000, "cannot be read"),
                (b"{}", "is of the kind ''; expected an ImageStream"),
                (json.dumps(image_stream(spec=5)).encode(), "cannot be read"),
            ):
                self.assertIn(expected, self.refusal(raw, reader))

    def test_version(self) -> None:
        for name in ("", "4.14\n", "4" * 129):
            raw = json.dumps(image_stream(metadata={"name": name})).encode()
            self.assertIn("expected the release's version", self.refusal(raw, release_version))

    def test_where_the_iso_is(self) -> None:
        self.assertEqual(
            [iso_path(each) for each in Architecture],
            [
                "coreos/coreos-x86_64.iso",
                "coreos/coreos-aarch64.iso",
                "coreos/coreos-ppc64le.iso",
                "coreos/coreos-s390x.iso",
            ],
        )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda below: st.lists(below) | st.dictionaries(st.text(max_size=5), below),
    max_leaves=6,
)
DOCUMENTS = [
    manifest(OCI_MANIFEST, OCI + "layer.v1.tar+gzip", "x"),
    index(DOCKER_LIST, ("linux", "amd64"), ("unknown", "unknown")),
    image_stream(),
]


def places_in(document: Any) -> list[tuple[Any, ...]]:
    """The ways to each value in a document."""
    items = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    return [(), *((key, *below) for key, value in items for below in places_in(value))]


def replaced(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at one place."""
    if not place:
        return value
    key, *rest = place
    inner = replaced(document[key], tuple(rest), value)
    if isinstance(document, dict):
        return document | {key: inner}
    return [*document[:key], inner, *document[key + 1 :]]


class FuzzTests(SynchronousTestCase):
    """Whatever a registry sends, only errors of this package come out, as one line of text."""

    def assert_told(self, raw: bytes) -> None:
        readers: list[Callable[[bytes], object]] = [
            lambda raw: parse(raw, None),
            lambda raw: parse(raw, OCI_INDEX),
            manifests.config_architecture,
            machine_os_images,
            release_version,
        ]
        for reader in readers:
            try:
                reader(raw)
            except PayloadError as error:
                self.assertTrue(str(error).isprintable(), str(error))
                self.assertLess(len(str(error)), 1000)

    @given(st.data(), JSON)
    def test_one_value_is_another(self, data: st.DataObject, value: Any) -> None:
        document = data.draw(st.sampled_from(DOCUMENTS))
        place = data.draw(st.sampled_from(places_in(document)))
        self.assert_told(json.dumps(replaced(document, place, value)).encode())

    @given(st.sampled_from(DOCUMENTS), st.integers(0, 2000), st.binary(max_size=4))
    def test_some_bytes_are_others(self, document: Any, place: int, other: bytes) -> None:
        raw = json.dumps(document).encode()
        place %= len(raw)
        self.assert_told(raw[:place] + other + raw[place + len(other) :])
        self.assert_told(raw[:place])
