"""Which media type a client likes best."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from httpd.representation.negotiation import preferred_type
from tests.properties import given

OFFERED = ("text/plain", "application/problem+json")


class PreferredTypeTests(SynchronousTestCase):
    def test_choice(self) -> None:
        for accept, expected in [
            (None, 0),
            ("", 0),
            ("*/*", 0),
            ("application/problem+json", 1),
            ("application/problem+json, */*", 1),
            ("application/problem+json, */*;q=0.1", 1),
            ("application/problem+json;q=0.5, */*", 0),
            ("text/plain;q=0.2, application/problem+json;q=0.8", 1),
            ("text/*, application/problem+json;q=0.8", 0),
            ("APPLICATION/PROBLEM+JSON", 1),
            ("application/problem+json;q=0", 0),
            ("image/png", 0),
        ]:
            self.assertEqual(preferred_type(accept, OFFERED), OFFERED[expected], accept)

    @given(st.text())
    def test_any_text(self, accept: str) -> None:
        self.assertIn(preferred_type(accept, OFFERED), OFFERED)
