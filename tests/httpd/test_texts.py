"""Texts that may be anything, in messages that are one line each."""

from __future__ import annotations

import errno
from ast import literal_eval

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from httpd.texts import os_error_text, quoted, quoted_if_odd
from tests.properties import given


class TextTests(SynchronousTestCase):
    """What is shown of a text."""

    def test_quoted(self) -> None:
        self.assertEqual(quoted("tiny-iso"), "'tiny-iso'")
        self.assertEqual(quoted(""), "''")
        self.assertEqual(quoted("é\n"), r"'\xe9\n'")
        self.assertEqual(quoted("x" * 126), f"'{'x' * 126}'")
        self.assertEqual(quoted("x" * 127), f"'{'x' * 123}...'")

    @given(st.text(max_size=300))
    def test_quoted_is_short_and_harmless(self, text: str) -> None:
        shown = quoted(text)
        self.assertLessEqual(len(shown), 128)
        self.assertTrue(shown.isascii() and shown.isprintable())
        if not shown.endswith(("...'", '..."')):
            self.assertEqual(literal_eval(shown), text)

    def test_not_odd(self) -> None:
        """What reads like a word needs no quotes."""
        for text in ("4.18", "x86_64", "https://h/a b", "é", "x" * 128):
            self.assertEqual(quoted_if_odd(text), text)

    def test_odd(self) -> None:
        for text in ("", "a\nb", "\x1b[2J", "x" * 129):
            self.assertEqual(quoted_if_odd(text), quoted(text))

    def test_errors_of_the_system(self) -> None:
        self.assertEqual(
            os_error_text(OSError(errno.ENOSPC, "No space left on device")),
            "No space left on device",
        )
        self.assertEqual(os_error_text(OSError("anything")), "OSError")
