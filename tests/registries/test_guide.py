"""C{docs/how-to/disconnected.md}: its examples are what is read, and mean what it says."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.catalog.release_images import parse_release_images
from assisted_images.oci.mirrors import Mirrors
from assisted_images.oci.references import PullSpec
from assisted_images.values import Architecture
from demo.service import ROOT
from tests.assisted_images.oci.documents import SHA256

GUIDE = (ROOT / "docs" / "how-to" / "disconnected.md").read_text("utf-8")


def example(language: str) -> str:
    """The guide's one block of C{language}."""
    (block,) = re.findall(rf"^```{language}\b[^\n]*\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return str(block)


class GuideTests(SynchronousTestCase):
    """Whoever copies an example gets what is promised."""

    def test_mirrors(self) -> None:
        mirrors = Mirrors.parse(example("toml"))
        (release, *_) = parse_release_images(example("json")).value
        assert release.release is not None
        for spec, mirrored in (
            (release.release, "release-images:4.18.30-multi"),
            (
                PullSpec.parse(f"quay.io/openshift-release-dev/ocp-v4.0-art-dev@{SHA256}"),
                f"release@{SHA256}",
            ),
        ):
            (place,) = mirrors.places(spec)
            self.assertEqual(str(place.spec), f"mirror.example.com:8443/openshift/{mirrored}")
            self.assertFalse(place.insecure)

    def test_mirror_sets_and_registries_conf_name_the_same_places(self) -> None:
        sources = re.findall(r"source: (\S+)", example("yaml"))
        mirrors = re.findall(r"mirrors: \[(\S+)\]", example("yaml"))
        locations = re.findall(r'^location = "(\S+)"$', example("toml"), re.MULTILINE)
        pairs = zip(sources, mirrors, strict=True)
        self.assertEqual(locations, [place for pair in pairs for place in pair])

    def test_releases(self) -> None:
        found = parse_release_images(example("json")).value
        self.assertEqual(
            [(entry.version, entry.architecture) for entry in found],
            [("4.18.30", Architecture.X86_64), ("4.18.30", Architecture.ARM64)],
        )

    def test_registries_conf_of_assisted_service(self) -> None:
        """As its documentation has it, with an empty prefix."""
        conf = """
            unqualified-search-registries = ["registry.access.redhat.com", "docker.io"]
            [[registry]]
                prefix = ""
                location = "quay.io/example-repository"
                mirror-by-digest-only = false
                [[registry.mirror]]
                location = "mirror1.registry.corp.com:5000/example-repository"
        """
        spec = PullSpec.parse("quay.io/example-repository/a:b")
        self.assertEqual(
            [str(place.spec) for place in Mirrors.parse(conf).places(spec)],
            ["mirror1.registry.corp.com:5000/example-repository/a:b", str(spec)],
        )
