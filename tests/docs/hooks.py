"""
What C{mkdocs.yml} leaves to us: the order of pages, and files of the repository that they link to.

A page appears in the site by being there: sections are in the order of L{_SECTIONS}, pages within
them by their names.  A link from a page to a file beyond C{docs/} leads to a copy of that file in
the site, as text, and one to a folder to a list of such copies, so that the site is whole without a
server of sources.
"""

from __future__ import annotations

import posixpath
import re
from html import escape
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
    folders = [path for path in sorted(linked) if (ROOT / path).is_dir()]
    inside = {below for folder in folders for below in _files_below(folder)}
    return [
        *(
            File.generated(config, _copy(path), abs_src_path=str(ROOT / path))
            for path in sorted((linked | inside) - {*folders})
        ),
        *(File.generated(config, _copy(path), content=_list(path)) for path in folders),
    ]


def _files_below(folder: str) -> list[str]:
    found = (place.relative_to(ROOT) for place in sorted((ROOT / folder).rglob("*")))
    return [str(place) for place in found if (ROOT / place).is_file()]


def _list(folder: str) -> str:
    """What is in a folder of the repository, as a page."""
    start = posixpath.dirname(_copy(folder))
    items = "".join(
        f'<li><a href="{escape(posixpath.relpath(_copy(path), start))}">{escape(path)}</a></li>'
        for path in _files_below(folder)
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(folder)}</title>'
        f'<meta name="color-scheme" content="light dark"><h1>{escape(folder)}</h1><ul>{items}</ul>'
    )


def _path_outside(link: str, folder: str) -> str | None:
    """
    The repository's file or folder that a page links to, where that is one beyond C{docs/}.

    @param folder: the page's, below C{docs/}.
    """
    path = posixpath.normpath(posixpath.join("docs", folder, link))
    return path if not path.startswith("docs/") and (ROOT / path).exists() else None


def _copy(path: str) -> str:
    """Where the copy is in the site, under a name by which browsers show it."""
    return f"repository/{path}/index.html" if (ROOT / path).is_dir() else f"repository/{path}.txt"
