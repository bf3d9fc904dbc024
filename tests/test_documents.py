"""What comments, docstrings and pages cite is in the repository."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from demo.service import ROOT

_NOT_HERE = (
    ", ".join(("contract", "section")),
    " the ".join(("of", "contract")),
    "'s".join(("the contract", "")),
    "-".join(("twisted", "notes")),
    "-".join(("boot", "notes")),
)
"""How documents were cited that a newcomer cannot open."""

_PATH = re.compile(r"(?<![\w./-])(?:(?:\.\./)+|(?:src|tests|demo|docs)/)[\w./-]*\w")
_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[\w-]*)?\)")
_SECTION = re.compile(r'([\w./-]+\.md)[})]?, "([^"]+)"')
"""A page and one of its headings: C{docs/reference/http-api.md, "Routes"}."""

_PACKAGES = {place.parent.name: place.parent for place in ROOT.glob("src/*/__init__.py")} | {
    name: ROOT / name for name in ("tests", "demo")
}
_MODULE = re.compile(rf"(?<![\w./@-])(?:{'|'.join(_PACKAGES)})(?:\.[A-Za-z_]\w*)+")


class CitationTests(SynchronousTestCase):
    """Every citation, by the file that has it."""

    def test_documents_that_are_not_here(self) -> None:
        found = [
            f"{place.relative_to(ROOT)}: {words}"
            for place in _files()
            for words in _NOT_HERE
            if words in _on_one_line(place.read_text("utf-8")).lower()
        ]
        self.assertEqual(found, [])

    def test_paths_sections_and_modules(self) -> None:
        wrong = [
            f"{place.relative_to(ROOT)}: {citation}"
            for place in _files()
            for citation in _wrong(place, _prose(place))
        ]
        self.assertEqual(wrong, [])

    def test_wrong_ones_are_noticed(self) -> None:
        prose = (
            "docs/none.md src/httpd/none.py, ../none [a](none.md) tests/test_documents.py"
            ' docs/reference/files.md, "None" [a](files.md), "None"'
            ' docs/reference/files.md, "Checks"'
            " httpd.none httpd.web.none httpd.web.metrics.any httpd.web"
        )
        self.assertEqual(
            list(_wrong(ROOT / "docs" / "reference" / "settings.md", prose)),
            [
                *("docs/none.md", "src/httpd/none.py", "../none", "none.md"),
                *('docs/reference/files.md, "None"', 'files.md, "None"'),
                *("httpd.none", "httpd.web.none"),
            ],
        )


def _files() -> Iterator[Path]:
    for folder in ("src", "tests", "demo", "docs"):
        for place in sorted((ROOT / folder).rglob("*")):
            if place.suffix in {".py", ".md", ".json", ".sh", ".lua"}:
                yield place
    yield ROOT / "README.md"


def _prose(place: Path) -> str:
    """A page; of a module its comments and docstrings: its other strings name what they like."""
    text = place.read_text("utf-8")
    if place.suffix != ".py":
        return _on_one_line(text)
    comments = [
        token.string.lstrip("#")
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    ]
    docstrings = [
        node.value.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    return _on_one_line(" ".join([*comments, *docstrings]))


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _wrong(place: Path, prose: str) -> Iterator[str]:
    """What C{prose} cites and is not there; C{place} is the file that it stands in."""
    for path in _PATH.findall(prose):
        if not _is_there(path, place.parent if path.startswith("..") else ROOT):
            yield path
    if place.suffix == ".md":
        yield from (link for link in _LINK.findall(prose) if not _is_there(link, place.parent))
    for page, heading in _SECTION.findall(prose):
        for known in (ROOT / page, place.parent / page):
            if known.is_file() and heading not in _headings(known):
                yield f'{page}, "{heading}"'
    yield from (name for name in _MODULE.findall(prose) if not _is_module(name))


def _is_there(path: str, base: Path) -> bool:
    """Whether it exists, in the repository."""
    resolved = (base / path).resolve()
    return resolved.is_relative_to(ROOT) and resolved.exists()


def _headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)


def _is_module(name: str) -> bool:
    """Whether it is a package, a module, or something in a module, whatever that has."""
    package, *parts = name.split(".")
    inside = _PACKAGES[package]
    for part in parts:
        if (inside / f"{part}.py").is_file():
            return True
        inside /= part
    return inside.is_dir()
