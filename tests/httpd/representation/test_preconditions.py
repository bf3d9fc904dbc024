"""Conditional requests, by the rules of RFC 9110, section 13."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from httpd.representation.preconditions import (
    Outcome,
    Validators,
    format_http_date,
    parse_http_date,
)
from tests.properties import given

NOW = 784111777
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
VERSION = Validators('"v1"', NOW)


def outcome(headers: Mapping[str, str], validators: Validators = VERSION) -> str:
    return validators.evaluate(headers).name


class EvaluateTests(SynchronousTestCase):
    def test_unconditional(self) -> None:
        self.assertEqual(outcome({}), "PROCEED")

    def test_each_condition(self) -> None:
        for name, value, expected in [
            ("if-match", '"v1"', "PROCEED"),
            ("if-match", '"v0", "v1"', "PROCEED"),
            ("if-match", "*", "PROCEED"),
            ("if-match", '"v2"', "FAILED"),
            ("if-match", 'W/"v1"', "FAILED"),
            ("if-match", "v1", "FAILED"),
            ("if-match", "*, *", "FAILED"),
            ("if-none-match", '"v1"', "NOT_MODIFIED"),
            ("if-none-match", 'W/"v1"', "NOT_MODIFIED"),
            ("if-none-match", '"v0",W/"v1"', "NOT_MODIFIED"),
            ("if-none-match", "*", "NOT_MODIFIED"),
            ("if-none-match", '"v2"', "PROCEED"),
            ("if-modified-since", DATE, "NOT_MODIFIED"),
            ("if-modified-since", BEFORE, "PROCEED"),
            ("if-modified-since", "yesterday", "PROCEED"),
            ("if-unmodified-since", DATE, "PROCEED"),
            ("if-unmodified-since", BEFORE, "FAILED"),
            ("if-unmodified-since", "yesterday", "PROCEED"),
            # Sections 13.1.3 and 13.1.4: a list of dates is no date, whatever is in it.
            ("if-modified-since", f"{DATE}, {DATE}", "PROCEED"),
            ("if-unmodified-since", f"{BEFORE}, {DATE}", "PROCEED"),
        ]:
            self.assertEqual(outcome({name: value}), expected, (name, value))

    def test_entity_tags_beat_dates(self) -> None:
        self.assertEqual(outcome({"if-none-match": '"v2"', "if-modified-since": DATE}), "PROCEED")
        self.assertEqual(outcome({"if-match": '"v1"', "if-unmodified-since": BEFORE}), "PROCEED")

    def test_failure_beats_not_modified(self) -> None:
        self.assertEqual(outcome({"if-match": '"v2"', "if-none-match": '"v1"'}), "FAILED")

    def test_dates_without_last_modified(self) -> None:
        undated = Validators('"v1"')
        self.assertEqual(outcome({"if-modified-since": DATE}, undated), "PROCEED")
        self.assertEqual(outcome({"if-unmodified-since": BEFORE}, undated), "PROCEED")

    @given(st.sampled_from(["if-match", "if-none-match", "if-modified-since"]), st.text())
    def test_any_text(self, name: str, text: str) -> None:
        self.assertIn(outcome({name: text}), Outcome.__members__)


class IfRangeTests(SynchronousTestCase):
    def test_applies(self) -> None:
        for field, expected in [
            (None, True),
            ('"v1"', True),
            ('"v2"', False),
            ('W/"v1"', False),
            (DATE, True),
            (BEFORE, False),
            ("Sun, 06 Nov 1994 08:49:38 GMT", False),
            ("rubbish", False),
            ('"v1", "v1"', False),
            (f"{DATE}, {DATE}", False),
        ]:
            self.assertEqual(VERSION.range_applies(field), expected, field)

    def test_undated(self) -> None:
        self.assertFalse(Validators('"v1"').range_applies("rubbish"))


class DateTests(SynchronousTestCase):
    def test_three_forms(self) -> None:
        """RFC 9110, section 5.6.7 asks recipients to accept all three."""
        for text in (DATE, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"):
            self.assertEqual(parse_http_date(text), NOW, text)

    def test_other_forms(self) -> None:
        for text in (
            f"{DATE}, {DATE}",
            f"{DATE} ",
            f"{DATE}x",
            "Sun, 06 Nov 1994 08:49:37 +0100",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 99999 08:49:37 GMT",
            "Sun, 36 Nov 1994 08:49:37 GMT",
            "06 Nov 1994 08:49:37 GMT",
        ):
            self.assertIsNone(parse_http_date(text), text)

    @given(st.integers(0, 2**32))
    def test_round_trip(self, seconds: int) -> None:
        self.assertEqual(parse_http_date(format_http_date(seconds)), seconds)

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        parse_http_date(text)
