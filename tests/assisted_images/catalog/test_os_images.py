"""The list of OS images: reading it, and what is wrong with it."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.catalog.catalog import Entry
from assisted_images.catalog.lists import CatalogError
from assisted_images.catalog.os_images import parse_os_images
from assisted_images.values import Architecture, ImageFetch, ImageType
from tests.assisted_images.catalog import lists
from tests.assisted_images.catalog.lists import OS_IMAGE as SOUND
from tests.assisted_images.catalog.lists import catalog
from tests.properties import given

FULL, DISCONNECTED = ImageType.FULL, ImageType.DISCONNECTED
X86, ARM = Architecture.X86_64, Architecture.ARM64


def problems(text: str) -> tuple[str, ...]:
    """Everything that is said about a wrong list."""
    return lists.problems(parse_os_images, text)


def problem(change: dict[str, Any], without: str = "") -> str:
    """What is said, after the entry's name, about an entry with one thing wrong."""
    return lists.problem_of(parse_os_images, SOUND | change, without)


class ReadingTests(SynchronousTestCase):
    """An entry of the JSON list becomes an L{Entry}."""

    def test_required_keys_only(self) -> None:
        (entry,) = catalog({}).images
        self.assertEqual(
            entry, Entry("4.18", X86, "https://mirror.example.com/rhcos-live.iso", "418.94.1-0")
        )
        self.assertIs(entry.image_type, FULL)

    def test_optional_keys(self) -> None:
        (entry,) = catalog(
            {
                "rootfs_url": "http://h/rootfs",
                "sha256": "AB" * 32,
                "type": "disconnected-iso",
                "fetch": "on-demand",
            }
        ).images
        self.assertEqual(entry.rootfs_url, "http://h/rootfs")
        self.assertEqual(entry.sha256, "ab" * 32)
        self.assertIs(entry.image_type, DISCONNECTED)
        self.assertIs(entry.fetch, ImageFetch.ON_DEMAND)

    def test_other_keys_are_ignored_whatever_their_type(self) -> None:
        """The Go service dies of a boolean, and assisted-service writes one (C{default})."""
        extra = {"default": True, "cpu_architectures": ["x"], "n": 1.5, "o": {"a": None}, "z": None}
        self.assertEqual(catalog(extra).images, catalog({}).images)

    def test_null_and_empty_optional_keys_count_as_absent(self) -> None:
        blank = {"rootfs_url": "", "type": ""}
        self.assertEqual(catalog(blank).images, catalog({}).images)
        null = {"rootfs_url": None, "type": None, "sha256": None}
        self.assertEqual(catalog(null).images, catalog({}).images)

    def test_architecture_aliases(self) -> None:
        self.assertIs(catalog({"cpu_architecture": "aarch64"}).images[0].architecture, ARM)
        self.assertIs(catalog({"cpu_architecture": "amd64"}).images[0].architecture, X86)

    def test_file_names_are_the_go_service_s(self) -> None:
        full, disconnected = catalog({}, {"type": "disconnected-iso"}).images
        self.assertEqual(full.file_name, "rhcos-full-iso-418.94.1-0-x86_64.iso")
        self.assertEqual(full.nmstate_file_name, "nmstatectl-418.94.1-0-x86_64")
        self.assertEqual(disconnected.file_name, "rhcos-disconnected-iso-418.94.1-0-x86_64.iso")

    def test_secrets_in_urls_stay_out_of_texts(self) -> None:
        (entry,) = catalog({"url": "https://me:pw1@h:8/a.iso?sig=pw2#pw3"}).images
        self.assertEqual(entry.origin, "https://h:8/a.iso")
        self.assertNotIn("pw", repr(entry) + str(entry))

    @given(st.text(max_size=20))
    def test_an_accepted_version_is_a_safe_file_name(self, version: str) -> None:
        try:
            (entry,) = catalog({"version": version}).images
        except CatalogError:
            return
        for name in (entry.file_name, entry.nmstate_file_name):
            self.assertEqual(PurePosixPath(name).name, name)
            self.assertTrue(name.isascii() and name.isprintable() and ".." not in name)


class ProblemTests(SynchronousTestCase):
    """Each thing wrong is told, with the entry's name and what would be right."""

    def test_not_json(self) -> None:
        for text in ("", "[", "{'a'}"):
            (told,) = problems(text)
            self.assertIn("the text is not JSON: ", told)
            self.assertIn("expected a list of objects", told)

    def test_no_list(self) -> None:
        for text in ("{}", "null", '"x"', "5"):
            self.assertEqual(
                problems(text), ("the text is JSON but no list; expected a list of objects",)
            )

    def test_empty(self) -> None:
        self.assertEqual(problems("[]"), ("the list is empty; expected at least one OS image",))

    def test_no_object(self) -> None:
        told = problems('[5, "secret", ["secret"], null]')
        for index, text in enumerate(told):
            self.assertRegex(text, rf"entry {index} .*: it is no object; expected one with opensh")
            self.assertNotIn("secret", text)

    def test_missing(self) -> None:
        for key in ("openshift_version", "cpu_architecture", "url", "version"):
            self.assertEqual(problem({}, without=key), f"{key} is missing; expected a string")
            self.assertEqual(problem({key: None}), f"{key} is missing; expected a string")
            self.assertEqual(problem({key: ""}), f"{key} is missing; expected a string")

    def test_wrong_type(self) -> None:
        for key in (*SOUND, "rootfs_url", "sha256", "type", "fetch"):
            for value in (True, 5, ["x"], {"a": "b"}):
                self.assertEqual(problem({key: value}), f"{key} is not a string; expected a string")

    def test_unknown_type(self) -> None:
        for value in ("minimal-iso", "iso", "full.iso"):
            self.assertEqual(
                problem({"type": value}),
                f"type: unknown type {value}; expected full-iso or disconnected-iso",
            )

    def test_s3(self) -> None:
        (entry,) = catalog({"url": "s3://images.example/live/a.iso"}).images
        self.assertEqual(entry.origin, "s3://images.example/live/a.iso")
        for value in ("s3://", "s3://images", "s3://images/", "s3:/x/a", "s3://i/a b", "s3://IM/a"):
            expected = "url: not the place of an object; expected s3://bucket/key"
            self.assertEqual(problem({"url": value}), expected)

    def test_unknown_fetch(self) -> None:
        expected = "fetch: unknown way lazily; expected whole or on-demand or background"
        self.assertEqual(problem({"fetch": "lazily"}), expected)

    def test_unknown_architecture(self) -> None:
        self.assertEqual(
            problem({"cpu_architecture": "riscv64"}),
            "cpu_architecture: unknown CPU architecture 'riscv64';"
            " expected one of x86_64, arm64, ppc64le, s390x",
        )

    def test_openshift_version_that_cannot_be_compared(self) -> None:
        self.assertIn(
            "'latest' is not a version; expected a semantic",
            problem({"openshift_version": "latest"}),
        )

    def test_version_that_is_no_part_of_a_file_name(self) -> None:
        for value in (
            "../x",
            "a/b",
            "a\\b",
            "..",
            ".x",
            "a..b",
            "a\0b",
            "a b",
            "a\nb",
            "é",
            "1" * 129,
        ):
            told = problem({"version": value})
            self.assertRegex(told, "version: .* cannot be part of a file name; expected letters")
            self.assertTrue(told.isprintable())

    def test_url(self) -> None:
        for key in ("url", "rootfs_url"):
            for value in (
                "ftp://h/secret",
                "file:///secret",
                "/secret",
                "https:///secret",
                "https://h:port/secret",
                "https://h/ secret",
                "https://h/\nsecret",
                "https://[h/secret",
                "secret:secret@h/x",
            ):
                told = problem({key: value})
                self.assertEqual(
                    told,
                    f"{key}: not a URL; expected one that begins with https:// or http:// and a"
                    " host",
                )

    def test_sha256(self) -> None:
        """An empty one is refused too: a slip must not turn the check off."""
        for value in ("", "ab", "g" * 64, "a" * 65):
            self.assertRegex(
                problem({"sha256": value}), "sha256: .* is not a SHA-256; expected 64 hexadecimal"
            )

    def test_all_problems_of_all_entries_together(self) -> None:
        told = problems(
            json.dumps([SOUND | {"version": None, "type": "x"}, SOUND, {"url": "ftp://h"}])
        )
        self.assertEqual(len(told), 6)
        self.assertEqual(
            [text.partition(" (")[0] for text in told], ["entry 0"] * 2 + ["entry 2"] * 4
        )

    def test_entries_are_named_by_content_without_secrets(self) -> None:
        change = {"type": "x", "url": "https://me:secret1@h/a.iso?token=secret2#secret3"}
        (told,) = problems(json.dumps([SOUND, SOUND | change]))
        self.assertTrue(
            told.startswith(
                "entry 1 (openshift_version 4.18, cpu_architecture x86_64,"
                " url https://h/a.iso, version 418.94.1-0): "
            ),
            told,
        )
        for url in ("me:secret@h/x", "//me:secret@h", "https://[secret"):
            for text in problems(json.dumps([SOUND | {"url": url}])):
                self.assertNotIn("secret", text)
