"""C{docs/how-to/troubleshooting.md} and the texts of the source, each held to the other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from demo.service import ROOT

_PAGE = ROOT / "docs" / "how-to" / "troubleshooting.md"
_LOGGED = {"warn", "error", "critical"}
"""But for C{failure}: what has a traceback is nothing that its reader can do something about."""

_FIELD = re.compile(r"\{[^{}]*\}")


class TroubleshootingTests(SynchronousTestCase):
    def test_texts_are_those_of_the_source(self) -> None:
        """What nobody says any more would be looked for in vain."""
        strings = [text for tree in _trees() for text in _strings(tree)]
        self.assertEqual(
            [text for text in _texts() if not any(_says(text, string) for string in strings)], []
        )

    def test_every_warning_is_there(self) -> None:
        """A new one wants a line that says what to do."""
        logged = {text for tree in _trees() for text in _log_lines(tree)}
        self.assertEqual(logged - {*_texts()}, set())

    def test_wrong_ones_are_noticed(self) -> None:
        self.assertFalse(_says("… is there, and … is not", "… is not, and … is there"))
        self.assertTrue(_says("… is …; expected it", "the … is …; expected it twice"))
        tree = ast.parse('self._log.warn("{a} is {b}"); log.info("c"); log.error("{d}")')
        self.assertEqual([*_log_lines(tree)], ["… is …"])


def _texts() -> list[str]:
    """The texts of the page's tables, in its first columns."""
    rows = re.findall(r"^\| (`.*?`) \|", _PAGE.read_text("utf-8"), re.MULTILINE)
    return [text for row in rows for text in re.findall(r"`([^`]+)`", row)]


def _trees() -> Iterator[ast.Module]:
    for place in sorted((ROOT / "src").rglob("*.py")):
        yield ast.parse(place.read_text("utf-8"))


def _strings(tree: ast.Module) -> Iterator[str]:
    """Its strings; C{…} is in each place where something is put in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield _FIELD.sub("…", node.value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, bytes):
            yield node.value.decode("latin-1")
        elif isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
            yield "".join(map(str, parts))


def _log_lines(tree: ast.Module) -> Iterator[str]:
    """What it logs as a warning or worse, but for what is said elsewhere as a whole."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(attr=name, value=log),
                args=[ast.Constant(value=str(text)), *_],
            ) if name in _LOGGED and "log" in ast.unparse(log):
                if _FIELD.sub("", text).strip():
                    yield _FIELD.sub("…", text)


def _says(text: str, string: str) -> bool:
    """Whether the parts of a text are in a string, in this order."""
    at = 0
    for part in filter(None, map(str.strip, text.split("…"))):
        at = string.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True
