"""The domain's words, where no other test has them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.values import is_infra_env_id

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
