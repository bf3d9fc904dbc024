"""What is answered."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from image_management.routes import replies
from tests.properties import given


class WarningTests(SynchronousTestCase):
    @given(st.lists(st.text(max_size=400), max_size=12))
    def test_one_line(self, warnings: list[str]) -> None:
        """Whatever they say, it is a field that any client can read."""
        value = replies.nothing(warnings).headers.get("Warning", "")
        self.assertTrue(value.isascii() and (value.isprintable() or not value))
        self.assertEqual(bool(value), bool(warnings))
        self.assertLess(len(value), 8000)

    def test_quoted(self) -> None:
        value = replies.nothing(['s3://a/"b\\\r\nSet-Cookie: x=é', "other"]).headers["Warning"]
        self.assertEqual(
            value,
            r'299 image-management "s3://a/\"b\\  Set-Cookie: x=?", 299 image-management "other"',
        )
