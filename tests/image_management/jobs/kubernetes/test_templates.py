"""Templates: what places become, whatever is filled in, and what is refused."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from image_management.jobs.kubernetes.templates import BadTemplate, Value, parsed
from tests.properties import given

NAMES = ("text", "truth", "list", "none")
VALUES: dict[str, Value] = {"text": "a b", "truth": True, "list": ["A", "B"], "none": None}


def filled(lines: str, **values: Value) -> Any:
    """What the member C{it} of an object becomes."""
    text = f"kind: Job\nmetadata: {{name: job}}\nit: {lines}"
    return parsed(text, "Job", NAMES).filled(VALUES | values).get("it", "gone")


class FilledTests(SynchronousTestCase):
    def test_types(self) -> None:
        """A place alone has its value's type, but within quotes."""
        for lines, expected in (
            ("$text", "a b"),
            ("${text}", "a b"),
            ("$truth", True),
            ('"$truth"', "True"),
            ("'$truth'", "True"),
            ("|\n  $truth\n", "True\n"),
            ("$list", ["A", "B"]),
            ('"$list"', "A, B"),
            ("[$list]", ["A", "B"]),
            ("[x, $list, y]", ["x", "A", "B", "y"]),
            ("- $list", ["A", "B"]),
            ("$none", "gone"),
            ('"$none"', "gone"),
            ("{a: $none, b: 1}", {"b": 1}),
            ("[$none, $none]", []),
            ("a-$none-b", "a--b"),
            ("x$truth", "xTrue"),
            ("$text$text", "a ba b"),
            ("$$text", "$text"),
            ("$$", "$"),
            ("'5 $$ is $text'", "5 $ is a b"),
        ):
            given_lines = f"\n{lines}" if lines.startswith("- ") else lines
            self.assertEqual(filled(given_lines), expected, lines)

    def test_what_has_no_place_is_as_it_is(self) -> None:
        for lines, expected in (
            ("5", 5),
            ("true", True),
            ("'5'", "5"),
            ("", None),
            ("[a, {b: c}]", ["a", {"b": "c"}]),
        ):
            self.assertEqual(filled(lines), expected)

    def test_aliases(self) -> None:
        lines = "{a: &one {x: $text}, b: *one, c: {<<: *one, y: 1}}"
        one = {"x": "a b"}
        self.assertEqual(filled(lines), {"a": one, "b": one, "c": {"x": "a b", "y": 1}})

    @given(st.text())
    def test_a_value_stays_one(self, value: str) -> None:
        """Whatever it is: lines, quotes, colons, braces, places."""
        for lines, expected in (
            ("$text", value),
            ('"$text"', value),
            ("|\n  $text\n", f"{value}\n"),
            ("[x, $text]", ["x", value]),
            ("{key: $text}", {"key": value}),
            ("['sh', '-c', 'run \"$text\"']", ["sh", "-c", f'run "{value}"']),
        ):
            self.assertEqual(filled(lines, text=value), expected)
        json.dumps(filled("$text", text=value))


class RefusedTests(SynchronousTestCase):
    def refusal(self, text: str, kind: str = "Job") -> str:
        with self.assertRaises(BadTemplate) as refused:
            parsed(text, kind, NAMES)
        return str(refused.exception)

    def test_places(self) -> None:
        begin = "kind: Job\nmetadata: {name: job}\n"
        for lines, line, what in (
            ("a: $other", 3, "unknown place '$other'"),
            ("a: ${text", 3, "a lone $"),
            ("a: ${}", 3, "a lone $"),
            ("a: ${te xt}", 3, "unknown place '${te xt}'"),
            ("a: 5$", 3, "a lone $"),
            ("a:\n- b: |\n    one\n    two $three\n", 6, "unknown place '$three'"),
            ("b:\n  $text: 1", 4, "a key is no text, or has a place in it"),
            ("b:\n  1: 1", 4, "a key is no text"),
        ):
            told = self.refusal(begin + lines)
            self.assertTrue(told.startswith(f"line {line}: {what}"), told)

    def test_known_places_are_named(self) -> None:
        self.assertIn(
            "expected $$ for a dollar sign, or one of list, none, text, truth",
            self.refusal("kind: $other"),
        )

    def test_no_yaml(self) -> None:
        for text, expected in (
            ("a: b\nc: d: e", "line 2: no YAML: "),
            ("a: !!python/object:os.system x", "line 1: no YAML: "),
            ("a: *b", "line 1: no YAML: "),
            ("---\na: b\n---\nc: d", "line 3: no YAML: "),
            ("&a [*a]", "nested too deeply, or within itself"),
            ("\x00", "no YAML"),
        ):
            self.assertIn(expected, self.refusal(text), text)

    def test_other_objects(self) -> None:
        for text, expected in (
            ("", "it is no Job; expected an object with kind: Job"),
            ("- kind: Job", "it is no Job"),
            ("kind: Pod\nmetadata: {name: x}", "it is no Job"),
            ("kind: Job", "its Job has no name"),
            ("kind: Job\nmetadata: {name: 5}", "its Job has no name"),
        ):
            self.assertIn(expected, self.refusal(text))
