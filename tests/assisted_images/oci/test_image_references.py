"""What a release says of its payload."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.oci.image_references import (
    ImageReferencesError,
    OsImageStream,
    iso_paths,
    machine_os_images,
    release_version,
)
from assisted_images.values import Architecture
from tests.assisted_images.oci.documents import (
    SHA256,
    image_stream,
)


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
            [iso_paths(each, OsImageStream.RHEL_9) for each in Architecture],
            [
                ("coreos/coreos-x86_64.iso",),
                ("coreos/coreos-aarch64.iso",),
                ("coreos/coreos-ppc64le.iso",),
                ("coreos/coreos-s390x.iso",),
            ],
        )
        arm64 = Architecture.ARM64
        newer = "coreos/coreos10-aarch64.iso"
        self.assertEqual(iso_paths(arm64, OsImageStream.RHEL_10), (newer,))
        self.assertEqual(iso_paths(arm64, None), ("coreos/coreos-aarch64.iso", newer))

    def test_streams(self) -> None:
        self.assertIs(OsImageStream.parse("rhel-10"), OsImageStream.RHEL_10)
        for text in ("", "10", "rhel-8", "RHEL-9"):
            with self.assertRaisesRegex(ValueError, "expected rhel-9 or rhel-10"):
                OsImageStream.parse(text)
