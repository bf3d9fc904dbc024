"""What status codes are called, whatever Python calls them."""

from __future__ import annotations

from http import HTTPStatus

from twisted.trial.unittest import SynchronousTestCase

from httpd.outbound.failures import status_text
from httpd.statuses import PHRASES
from httpd.web.problems import Problem

_RENAMED = {413, 414, 416, 422}
"""Those that RFC 9110 calls otherwise than RFC 7231 did, and Python from 3.13 on."""


class PhraseTests(SynchronousTestCase):
    def test_those_of_rfc_9110(self) -> None:
        for status, phrase in (
            (413, "Content Too Large"),
            (414, "URI Too Long"),
            (416, "Range Not Satisfiable"),
            (422, "Unprocessable Content"),
        ):
            self.assertEqual(Problem(status, "wrong").title, phrase)
            self.assertEqual(status_text(status), f"{status} {phrase}")

    def test_the_others_are_python_s(self) -> None:
        """No code is missing, and none has a slip in it."""
        others = {418, 510}  # a joke, and a proposal that came to nothing
        for known in HTTPStatus:
            if known not in _RENAMED | others:
                self.assertEqual(PHRASES[known], known.phrase)

    def test_codes_that_have_none(self) -> None:
        self.assertEqual(Problem(499, "wrong").title, "Error")
        self.assertEqual(status_text(799), "799")
