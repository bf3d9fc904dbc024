"""
What C{mkdocs.yml} leaves to us: the order of pages, and files of the repository that they link to.

A page appears in the site by being there: sections are in the order of L{_SECTIONS}, pages within
them by their names.  A link from a page to a file beyond C{docs/} leads to a copy of that file in
the site, as text, so that the site is whole without a server of sources.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import nest_paths

from demo.service import ROOT

_SECTIONS = ("index.md", "tutorials", "how-to", "reference", "explanation")
"""Who comes for the first time begins at the top."""

_LINK_OUTSIDE = re.compile(r"(?<=\]\()(?:\.\./)+[^)#\s]+")


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Put the pages into the navigation, and add the files that they link to."""
    pages = [page.src_uri for page in files.documentation_pages()]
    config.nav = nest_paths(sorted(pages, key=_order))
    for copy in _copies(files, config):
        files.append(copy)
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Have links to files beyond C{docs/} lead to their copies."""
    folder = posixpath.dirname(page.file.src_uri)

    def to_copy(link: re.Match[str]) -> str:
        path = _path_outside(link[0], folder)
        return posixpath.relpath(_copy(path), folder) if path else link[0]

    return _LINK_OUTSIDE.sub(to_copy, markdown)


def _order(page: str) -> tuple[int, str]:
    first, _, _ = page.partition("/")
    return _SECTIONS.index(first), page


def _copies(files: Files, config: MkDocsConfig) -> list[File]:
    linked = {
        path
        for file in files.documentation_pages()
        for link in _LINK_OUTSIDE.findall(file.content_string)
        if (path := _path_outside(link, posixpath.dirname(file.src_uri)))
    }
    return [
        File.generated(config, _copy(path), abs_src_path=str(ROOT / path))
        for path in sorted(linked)
    ]


def _path_outside(link: str, folder: str) -> str | None:
    """
    The repository's file that a page links to, where that is one beyond C{docs/}.

    @param folder: the page's, below C{docs/}.
    """
    path = posixpath.normpath(posixpath.join("docs", folder, link))
    return path if not path.startswith("docs/") and (ROOT / path).is_file() else None


def _copy(path: str) -> str:
    """Where the copy is in the site, under a name by which browsers show it."""
    return f"repository/{path}.txt"
