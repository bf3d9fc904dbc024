"""The domain's words, where no other test has them."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.values import OpenShiftVersion, canonical_mac, is_infra_env_id
from tests.properties import given

ID = "89ab0123-4567-4abc-8def-0123456789ab"


class InfraEnvIdTests(SynchronousTestCase):
    """What may become a part of a path."""

    def test_lower_case_uuid(self) -> None:
        self.assertTrue(is_infra_env_id(ID))

    def test_anything_else(self) -> None:
        for text in (
            "", ID.upper(), ID[1:], ID + "0", f"{ID}\n", f" {ID}", f"{{{ID}}}", ID.replace("-", ""),
            f"../{ID}", f"{ID}/..", ID.replace("8", "\u0668"),
        ):  # fmt: skip
            self.assertFalse(is_infra_env_id(text), text)


class MacTests(SynchronousTestCase):
    """How hosts are named."""

    def test_spellings(self) -> None:
        for text in (
            "52-54-00-ab-cd-ef", "52:54:00:ab:cd:ef", "52-54-00-AB-CD-EF", "5254.00ab.cdef",
            "525400ABcdef",
        ):  # fmt: skip
            self.assertEqual(canonical_mac(text), "52-54-00-ab-cd-ef")

    def test_none(self) -> None:
        for text in (
            "", "52-54-00-ab-cd", "52-54-00-ab-cd-ef-00", "52-54:00-ab-cd-ef", "52-5400abcdef",
            "5254.00abcdef", "g2-54-00-ab-cd-ef", "52-54-00-ab-cd-ef\n", "../../../../../..",
            "\u06652-54-00-ab-cd-ef",
        ):  # fmt: skip
            with self.assertRaises(ValueError) as raised:
                canonical_mac(text)
            self.assertIn("expected one such as", str(raised.exception))

    @given(st.binary(min_size=6, max_size=6), st.sampled_from(":-"))
    def test_all(self, address: bytes, between: str) -> None:
        self.assertEqual(canonical_mac(address.hex(between).upper()), address.hex("-"))


class OpenShiftVersionTests(SynchronousTestCase):
    """How versions compare, as Go's libraries for them have it."""

    def test_order(self) -> None:
        ordered = (
            "3.11", "4.9", "4.9.1", "4.10-multi", "4.10", "4.18.0-0.nightly-2024-01-02-030405",
            "4.18.0-ec.0", "v4.18.0-ec.00", "4.18.0-ec.0.1", "4.18.0-ec.2", "4.18.0-ec.010",
            "4.18.0-rc.1", "4.18", "v4.18", "4.18.0", "4.18.0.0", "04.018", "4.18.0+build.7",
            "4.18.0.1", "4.18.1-rc.1", "4.18.1", "v4.18.1", "4.18.01", "4.18.1.2-a", "4.18.1.2",
            "4.18.2", "5",
        )  # fmt: skip
        equal = (
            {"4.18.0-ec.0", "v4.18.0-ec.00"},
            {"4.18", "v4.18", "4.18.0", "4.18.0.0", "04.018", "4.18.0+build.7"},
            {"4.18.1", "v4.18.1", "4.18.01"},
        )
        for index, one in enumerate(ordered):
            for other in ordered[index + 1 :]:
                first, second = OpenShiftVersion.parse(one), OpenShiftVersion.parse(other)
                if any({one, other} <= alike for alike in equal):
                    self.assertEqual(first, second, f"{one} {other}")
                else:
                    self.assertLess(first, second, f"{one} {other}")

    def test_no_versions(self) -> None:
        for text in (
            "", "v", "4.", ".4", "4..18", "latest", "V4.18", "vv4", "4.18-", "4.18-a..b", "4.18+",
            "4.18 ", "4.18\n", "4.\u0668", "4,18", "4.18.x", "9" * 5000, "4.18-" + "1" * 5000,
        ):  # fmt: skip
            with self.assertRaises(ValueError) as caught:
                OpenShiftVersion.parse(text)
            self.assertIn("is not a version; expected a semantic", str(caught.exception))
