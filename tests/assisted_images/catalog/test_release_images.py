"""The list of release images: reading it, and what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.catalog.catalog import Catalog, Entry
from assisted_images.catalog.lists import CatalogError
from assisted_images.catalog.release_images import parse_release_images
from assisted_images.oci.image_references import OsImageStream
from assisted_images.oci.references import PullSpec
from assisted_images.values import Architecture, ImageType
from tests.assisted_images.catalog.lists import RELEASE_IMAGE as SOUND
from tests.assisted_images.catalog.lists import problem_of
from tests.properties import given

X86, ARM = Architecture.X86_64, Architecture.ARM64


def entries(*changes: dict[str, Any]) -> tuple[Entry, ...]:
    """What is read of items that differ from the sound one as said."""
    return parse_release_images(json.dumps([SOUND | change for change in changes])).value


def problem(change: dict[str, Any], without: str = "") -> str:
    """What is said, after the entry's name, about an entry with one thing wrong."""
    return problem_of(parse_release_images, SOUND | change, without)


class ReadingTests(SynchronousTestCase):
    """An item of the JSON list becomes an L{Entry} for each architecture."""

    def test_one_architecture(self) -> None:
        (entry,) = entries({})
        self.assertEqual(entry.release, PullSpec.parse(SOUND["url"]))
        self.assertEqual(entry.origin, SOUND["url"])
        self.assertEqual((entry.url, entry.rootfs_url, entry.sha256), ("", None, None))
        self.assertEqual((entry.version, entry.architecture), ("4.14.0", X86))
        self.assertIs(entry.image_type, ImageType.FULL)
        self.assertEqual(entry.file_name, "rhcos-full-iso-4.14.0-x86_64.iso")

    def test_stream(self) -> None:
        for value, stream in ((None, None), ("", None), ("rhel-10", OsImageStream.RHEL_10)):
            (entry,) = entries({"os_image_stream": value})
            self.assertIs(entry.stream, stream)

    def test_several_architectures(self) -> None:
        for one in ("multi", None, "", "x86_64"):
            found = entries({"cpu_architecture": one, "cpu_architectures": ["x86_64", "aarch64"]})
            self.assertEqual([entry.architecture for entry in found], [X86, ARM])
            self.assertEqual(len({entry.release for entry in found}), 1)

    def test_empty_list_of_architectures_counts_as_absent(self) -> None:
        blanks: list[Any] = [[], None, ""]
        for absent in blanks:
            self.assertEqual(entries({"cpu_architectures": absent}), entries({}))

    def test_multi_versions_as_assisted_service_has_them(self) -> None:
        change = {"openshift_version": "4.11-multi", "cpu_architectures": ["arm64"]}
        (entry,) = entries(change | {"version": "4.11.0-multi", "cpu_architecture": "multi"})
        self.assertEqual(entry.openshift_version, "4.11-multi")

    def test_other_keys_are_ignored(self) -> None:
        extra = {"default": True, "support_level": "beta", "sha256": 5, "type": "x"}
        self.assertEqual(entries(extra), entries({}))

    def test_below_4_11_is_left_out(self) -> None:
        """assisted-service installs what has no ISO in its payload, too."""
        for version in ("4.10", "4.10.67", "4.10-multi", "3.11", "4.6"):
            # What else is wrong with it is nobody's concern.
            old = SOUND | {"openshift_version": version, "cpu_architecture": "multi"}
            found = parse_release_images(json.dumps([old, SOUND, old]))
            self.assertEqual(found.value, entries({}))
            first, second = found.warnings
            self.assertEqual(
                first,
                f"entry 0 (openshift_version {version}, cpu_architecture multi,"
                f" url {SOUND['url']}, version 4.14.0) is left out: {version} is below 4.11, and"
                " the release images there have no ISO; expected 4.11 or later, or the ISO's URL"
                " in OS_IMAGES",
            )
            self.assertIn("entry 2 (", second)

    def test_found_by_either_version(self) -> None:
        catalog = Catalog(()).and_releases(entries({}, {"version": "4.14.1"}))
        for key, version in (("4.14.1", "4.14.1"), ("4.14", "4.14.0")):
            self.assertEqual(catalog.find(key, X86, ImageType.MINIMAL).version, version)


class ProblemTests(SynchronousTestCase):
    """Each thing wrong is told, with the entry's name and what would be right."""

    def test_multi_alone(self) -> None:
        self.assertEqual(
            problem({"cpu_architecture": "multi"}),
            "cpu_architectures: multi alone does not say which; expected a list such as"
            ' ["x86_64", "arm64"], or a single architecture in cpu_architecture',
        )

    def test_no_architecture(self) -> None:
        self.assertIn(
            "cpu_architectures: neither of its names is there; expected a list",
            problem({}, without="cpu_architecture"),
        )

    def test_architectures_that_contradict(self) -> None:
        self.assertEqual(
            problem({"cpu_architectures": ["arm64", "s390x"]}),
            "cpu_architecture x86_64 is none of cpu_architectures; expected one of them, or multi",
        )

    def test_wrong_architectures(self) -> None:
        for value, told in (
            ("x86_64", "cpu_architectures is not a list; expected a list of strings"),
            ([5], "cpu_architectures: not all of the list are strings; expected a list of strings"),
            (["riscv64"], "cpu_architectures: unknown CPU architecture 'riscv64'; expected one of"),
            (["multi"], "cpu_architectures: unknown CPU architecture 'multi'; expected one of"),
        ):
            self.assertIn(told, problem({"cpu_architectures": value}))

    def test_wrong_stream(self) -> None:
        for value in ("rhel-8", "10", "coreos10"):
            self.assertIn("expected rhel-9 or rhel-10", problem({"os_image_stream": value}))

    def test_no_pull_spec(self) -> None:
        for url in ("https://me:s3cr3t@quay.io/a", "me:s3cr3t@quay.io/a:b"):
            told = problem({"url": url})
            self.assertTrue(told.startswith("url: "), told)
            self.assertIn("expected", told)
            self.assertNotIn("s3cr3t", told)

    def test_missing(self) -> None:
        for key in ("openshift_version", "url", "version"):
            for change in ({}, {key: ""}, {key: None}):
                without = "" if change else key
                self.assertEqual(problem(change, without), f"{key} is missing; expected a string")

    def test_version_that_is_no_part_of_a_file_name(self) -> None:
        self.assertIn("cannot be part of a file name", problem({"version": "../4.14"}))

    def test_entries_are_named_without_secrets(self) -> None:
        with self.assertRaises(CatalogError) as caught:
            entries({"version": 5}, {"url": "me:s3cr3t@h/x", "version": 5})
        first, second, third = caught.exception.problems
        self.assertTrue(
            first.startswith(
                "entry 0 (openshift_version 4.14, cpu_architecture x86_64,"
                f" url {SOUND['url']}): version is not a string"
            ),
            first,
        )
        for told in (second, third):
            self.assertIn("url (not a pull spec)", told)
            self.assertNotIn("s3cr3t", told)

    @given(
        st.dictionaries(
            st.sampled_from([*SOUND, "cpu_architectures"]),
            st.none()
            | st.integers()
            | st.text(max_size=9)
            | st.sampled_from(["multi", "arm64", "4.10", "q.io/a"])
            | st.lists(st.sampled_from(["arm64", "multi", 5, None]), max_size=3),
        )
    )
    def test_any_values_are_entries_or_told(self, change: dict[str, Any]) -> None:
        try:
            found = parse_release_images(json.dumps([SOUND | change]))
            self.assertTrue(found.value or found.warnings)
        except CatalogError as error:
            for told in error.problems:
                self.assertTrue(told.isprintable())
                self.assertIn("expected", told)
