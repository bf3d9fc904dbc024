"""Manifests and indexes of both families, and what is wrong with others."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.oci import manifests
from assisted_images.oci.compression import Compression
from assisted_images.oci.manifests import Index, Manifest, ManifestError, parse
from assisted_images.values import Architecture
from tests.assisted_images.oci.documents import (
    DOCKER,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI,
    OCI_INDEX,
    OCI_MANIFEST,
    descriptor,
    index,
    manifest,
)

X86, ARM = Architecture.X86_64, Architecture.ARM64


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
            self.assertEqual(found.for_architecture(ARM)[0].size, 1)
            self.assertEqual(found.for_architecture(X86)[0].size, 2)

    def test_missing_architecture(self) -> None:
        found = read(index(OCI_INDEX, ("linux", "arm64"), ("linux", "ppc64le"), ("linux", "mips")))
        assert isinstance(found, Index)
        self.assertEqual(found.for_architecture(X86), ())
        self.assertEqual(str(found.lacks(X86)), "the image has no x86_64; it has arm64, ppc64le")

    def test_what_is_for_no_host_is_passed_over(self) -> None:
        """Attestations and images for Windows stand in indexes, too."""
        document = index(OCI_INDEX, ("unknown", "unknown"), ("windows", "amd64"))
        document["manifests"].append(descriptor("application/x"))
        found = read(document)
        assert isinstance(found, Index)
        self.assertEqual(found.architectures, ())
        self.assertEqual(found.for_architecture(X86), ())
        self.assertIn("it has no architecture that is known here", str(found.lacks(X86)))

    def test_what_is_for_nobody_knows_whom(self) -> None:
        """Manifests and indexes without a platform, or with an empty one."""
        document = index(OCI_INDEX, ("linux", "arm64"))
        document["manifests"] += [
            descriptor(OCI_MANIFEST),
            descriptor(OCI_INDEX) | {"platform": None},
            descriptor(DOCKER_MANIFEST) | {"platform": {"os": "", "architecture": ""}},
            descriptor("application/x"),
        ]
        found = read(document)
        assert isinstance(found, Index)
        self.assertEqual(
            [each.media_type for each in found.unnamed], [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST]
        )
        self.assertEqual(found.architectures, (ARM,))
        self.assertEqual(found.for_architecture(X86), found.unnamed)
        self.assertEqual(len(found.for_architecture(ARM)), 1)


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
