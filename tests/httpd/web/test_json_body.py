"""The JSON that a client has sent."""

from __future__ import annotations

import json

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from httpd.web.json_body import parsed
from httpd.web.problems import Problem
from tests.properties import given

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # Python's own writer makes escapes of pairs, which are to be read as one character.
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
)

MALFORMED = {
    b"{": "line 1, column 2",
    b"{} {}": "Extra data, at line 1, column 4",
    b"{'a': 1}": "line 1, column 2",
    b'{"a": 1, "b": 2, "a": 1}': "the member 'a' is there more than once",
    b'[{"x": {"a": 1, "a": 2}}]': "the member 'a'",
    b'{"a": NaN}': "NaN is no JSON value",
    b"[Infinity]": "Infinity is no JSON value",
    b"[-Infinity]": "-Infinity is no JSON value",
    b"[1e999]": "the number '1e999' is too large",
    b'{"a": "\xff"}': "byte 7 is no UTF-8",
    b"\xff\xfe{\x00}\x00": "byte 0 is no UTF-8",
    rb'["\ud800"]': "half of a surrogate pair",
    rb'{"\udfff": 1}': "half of a surrogate pair",
    b"[" * 100_000: "nested too deeply",
    b"[" + b"9" * 5000 + b"]": "digits",
}


class ParsedTests(SynchronousTestCase):
    @given(VALUES, st.booleans())
    def test_what_was_written(self, value: object, ascii_alone: bool) -> None:
        self.assertEqual(parsed(json.dumps(value, ensure_ascii=ascii_alone).encode()), value)

    def test_nothing(self) -> None:
        for data in (b"", b" \r\n\t", b"null"):
            self.assertIsNone(parsed(data), data)

    def test_malformed(self) -> None:
        for data, reason in MALFORMED.items():
            with self.assertRaises(Problem) as caught:
                parsed(data)
            self.assertEqual(caught.exception.status, 400, data[:40])
            self.assertTrue(caught.exception.detail.startswith("the body is not valid JSON: "))
            self.assertIn(reason, caught.exception.detail, data[:40])

    @given(st.binary(max_size=64))
    def test_anything(self, data: bytes) -> None:
        """Is a value that can be sent on, or 400."""
        try:
            value = parsed(data)
        except Problem as problem:
            self.assertEqual(problem.status, 400)
        else:
            json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
