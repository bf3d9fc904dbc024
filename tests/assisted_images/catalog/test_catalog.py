"""The catalogue: which image a key means, and which are one."""

from __future__ import annotations

import json

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.catalog.built_in import built_in_catalog
from assisted_images.catalog.catalog import UnknownImage
from assisted_images.catalog.os_images import parse_os_images
from assisted_images.values import Architecture, ImageType, OpenShiftVersion
from tests.assisted_images.catalog.lists import catalog
from tests.properties import given

FULL, MINIMAL, DISCONNECTED = ImageType.FULL, ImageType.MINIMAL, ImageType.DISCONNECTED
X86, ARM = Architecture.X86_64, Architecture.ARM64


several = st.lists(
    st.fixed_dictionaries(
        {
            "openshift_version": st.sampled_from(["4.9", "4.17", "4.18.0-ec.0", "4.18"]),
            "version": st.sampled_from(["1", "2", "4.17"]),
            "cpu_architecture": st.sampled_from(["x86_64", "arm64"]),
            "type": st.sampled_from(["full-iso", "disconnected-iso"]),
        }
    ),
    min_size=1,
    max_size=8,
)


def image_of(item: dict[str, str]) -> tuple[str, str, str]:
    """What makes two entries one download."""
    return item["version"], item["cpu_architecture"], item["type"]


class FindTests(SynchronousTestCase):
    """Which entry a request means."""

    def test_version_comes_before_openshift_version(self) -> None:
        images = catalog(
            {"openshift_version": "4.17", "version": "1"},
            {"openshift_version": "4.16", "version": "4.17"},
        )
        self.assertEqual(images.find("4.17", X86, FULL).openshift_version, "4.16")
        self.assertEqual(images.find("4.16", X86, FULL).openshift_version, "4.16")
        self.assertEqual(images.find("1", X86, FULL).openshift_version, "4.17")

    def test_architecture_takes_part(self) -> None:
        images = catalog({"version": "1"}, {"version": "2", "cpu_architecture": "arm64"})
        self.assertEqual(images.find("4.18", X86, FULL).version, "1")
        self.assertEqual(images.find("4.18", ARM, FULL).version, "2")
        with self.assertRaises(UnknownImage):
            images.find("1", ARM, FULL)

    def test_type_takes_part(self) -> None:
        images = catalog({"version": "1"}, {"version": "2", "type": "disconnected-iso"})
        self.assertEqual(images.find("4.18", X86, DISCONNECTED).version, "2")
        self.assertEqual(images.find("4.18", X86, FULL).version, "1")
        with self.assertRaises(UnknownImage):
            images.find("1", X86, DISCONNECTED)

    def test_minimal_is_made_of_full(self) -> None:
        images = catalog({"version": "1"}, {"version": "2", "type": "disconnected-iso"})
        self.assertIs(images.find("1", X86, MINIMAL), images.find("1", X86, FULL))
        with self.assertRaises(UnknownImage):
            images.find("2", X86, MINIMAL)

    def test_first_of_equals(self) -> None:
        images = catalog({"version": "2"}, {"version": "1"})
        self.assertEqual(images.find("4.18", X86, FULL).version, "2")

    @given(
        several,
        st.sampled_from(["1", "4.9", "4.17", "4.18"]),
        st.sampled_from([X86, ARM]),
        st.sampled_from(ImageType),
    )
    def test_found_as_by_looking_through_the_list(
        self,
        items: list[dict[str, str]],
        key: str,
        architecture: Architecture,
        image_type: ImageType,
    ) -> None:
        """First by every entry's version, then by every entry's OpenShift version, in order."""
        source = FULL if image_type is MINIMAL else image_type
        expected = [
            image_of(item)
            for attribute in ("version", "openshift_version")
            for item in items
            if item[attribute] == key
            and (item["cpu_architecture"], item["type"]) == (architecture, source)
        ]
        try:
            found = catalog(*items).find(key, architecture, image_type)
        except UnknownImage:
            self.assertEqual(expected, [])
        else:
            self.assertEqual(found.key, expected[0])

    def test_unknown_says_what_there_is(self) -> None:
        """The beginning is the Go service's text, which somebody's test may look for."""
        images = catalog({}, {"type": "disconnected-iso"})
        with self.assertRaises(UnknownImage) as caught:
            images.find("4.99", ARM, MINIMAL)
        self.assertEqual(
            str(caught.exception),
            "version for 4.99 arm64, not found as minimal-iso; configured are:"
            " 4.18 (418.94.1-0) x86_64 full-iso; 4.18 (418.94.1-0) x86_64 disconnected-iso",
        )

    @given(st.text(max_size=300))
    def test_unknown_text_is_one_harmless_line(self, key: str) -> None:
        with self.assertRaises(UnknownImage) as caught:
            catalog({}).find("x" + key, X86, FULL)
        self.assertTrue(str(caught.exception).isprintable())


class DeduplicationTests(SynchronousTestCase):
    """One download per RHCOS version, architecture and type."""

    def test_highest_openshift_version_is_kept(self) -> None:
        for order in (["4.9", "4.18", "4.17"], ["4.18", "4.17", "4.9"], ["4.17", "4.9", "4.18"]):
            images = catalog(*({"openshift_version": version} for version in order))
            self.assertEqual([entry.openshift_version for entry in images.images], ["4.18"])

    def test_pre_releases_are_lower(self) -> None:
        order = ["4.18.0-ec.0", "4.18.1", "4.18.0"]
        for end in (1, 2, 3):
            images = catalog(*({"openshift_version": version} for version in order[:end]))
            highest = max(order[:end], key=OpenShiftVersion.parse)
            self.assertEqual([entry.openshift_version for entry in images.images], [highest])

    def test_first_of_equal_versions_is_kept(self) -> None:
        images = catalog({"openshift_version": "4.18.0"}, {"openshift_version": "4.18"})
        self.assertEqual([entry.openshift_version for entry in images.images], ["4.18.0"])

    def test_dropped_versions_find_the_kept_entry(self) -> None:
        images = catalog({"openshift_version": "4.17"}, {"openshift_version": "4.18"})
        for key in ("4.17", "4.18", "418.94.1-0"):
            self.assertIs(images.find(key, X86, FULL), images.images[0])

    def test_other_architectures_and_types_are_other_images(self) -> None:
        images = catalog({}, {"cpu_architecture": "arm64"}, {"type": "disconnected-iso"}, {})
        self.assertEqual(len(images.images), 3)

    @given(several)
    def test_against_a_plain_model(self, items: list[dict[str, str]]) -> None:
        """Every configured key is found, as an image that is downloaded once."""
        images = catalog(*items)
        names = [entry.file_name for entry in images.images]
        self.assertEqual(len(names), len(set(names)))
        for item in items:
            architecture, image_type = (
                Architecture(item["cpu_architecture"]),
                ImageType(item["type"]),
            )
            found = images.find(item["version"], architecture, image_type)
            self.assertIn(found, images.images)
            self.assertEqual(found.version, item["version"])
            same = [other for other in items if image_of(other) == image_of(item)]
            self.assertEqual(
                OpenShiftVersion.parse(found.openshift_version),
                max(OpenShiftVersion.parse(other["openshift_version"]) for other in same),
            )
            images.find(item["openshift_version"], architecture, image_type)


class BuiltInTests(SynchronousTestCase):
    """What is served when nothing is configured."""

    def test_is_what_a_user_could_configure(self) -> None:
        images = built_in_catalog().images
        text = json.dumps(
            [
                {
                    "openshift_version": entry.openshift_version,
                    "cpu_architecture": entry.architecture,
                    "url": entry.url,
                    "version": entry.version,
                }
                for entry in images
            ]
        )
        self.assertEqual(parse_os_images(text).images, images)

    def test_addresses(self) -> None:
        found = built_in_catalog().find("414.92.202310170514-0", X86, FULL)
        self.assertEqual(
            found.url,
            "https://mirror.openshift.com/pub/openshift-v4/x86_64/dependencies/rhcos/4.14/4.14.0/"
            "rhcos-4.14.0-x86_64-live.x86_64.iso",
        )
        self.assertEqual(found.openshift_version, "4.14")
        arm = built_in_catalog().find("4.18", ARM, FULL)
        self.assertTrue(arm.url.endswith("/4.18.30/rhcos-4.18.30-aarch64-live.aarch64.iso"))
