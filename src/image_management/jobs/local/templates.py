"""
Recipes with places to fill in: C{.ims_recipe_template.yaml} names the files, each a template of
Jinja2, and the recipe's record has the dictionary that they are filled from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml
from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

NAMES_FILE = ".ims_recipe_template.yaml"

_MOST_FILES = 1000
_LONGEST = 10 * 1024 * 1024
"""Bytes of a file, before and after."""


class BadTemplate(Exception):
    """Nothing can be filled in; the text says where."""


def fill_in(recipe: Path, dictionary: Mapping[str, str]) -> str:
    """
    Fill in the templates of a recipe, in their places.  To be called where it may take for ever
    and all memory.

    @return: what is to be told of it; empty: nothing.
    @raise BadTemplate: one cannot be filled in.
    """
    if not (recipe / NAMES_FILE).is_file():
        return f"there is a dictionary, but no {NAMES_FILE}" if dictionary else ""
    if not dictionary:
        raise BadTemplate(f"{NAMES_FILE}: the recipe has no dictionary to fill its templates from")
    jinja = ImmutableSandboxedEnvironment(keep_trailing_newline=True, autoescape=False)
    names = _names(recipe)
    for name in names:
        file = _inside(recipe, name)
        try:
            template = jinja.from_string(_text(file, name))
            text = _bounded(template.generate(dictionary), name)
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise BadTemplate(f"{name}: {type(error).__name__}: {error}") from None
        except (MemoryError, RecursionError):
            raise BadTemplate(f"{name}: it takes too much memory") from None
        file.write_text(text, encoding="utf-8")
    return f"filled in: {', '.join(names)}"


def _names(recipe: Path) -> list[str]:
    try:
        document = yaml.safe_load(_text(_inside(recipe, NAMES_FILE), NAMES_FILE))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise BadTemplate(f"{NAMES_FILE}: no YAML: {error}") from None
    names = document.get("template_files") if isinstance(document, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadTemplate(f"{NAMES_FILE}: expected template_files, a list of paths")
    if len(names) > _MOST_FILES:
        raise BadTemplate(f"{NAMES_FILE}: more than {_MOST_FILES} templates")
    return names


def _inside(recipe: Path, name: str) -> Path:
    """A file of the recipe, wherever in it a symbolic link leads."""
    try:
        file = (recipe / name).resolve()
    except (OSError, ValueError, RuntimeError):
        raise BadTemplate(f"{name[:200]!r}: not a path") from None
    if not file.is_relative_to(recipe.resolve()):
        raise BadTemplate(f"{name[:200]!r}: outside of the recipe")
    if not file.is_file():
        raise BadTemplate(f"{name[:200]!r}: no such file")
    return file


def _text(file: Path, name: str) -> str:
    if file.stat().st_size > _LONGEST:
        raise BadTemplate(f"{name}: more than {_LONGEST} bytes")
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadTemplate(f"{name}: no UTF-8") from None


def _bounded(pieces: Iterable[str], name: str) -> str:
    """Joined pieces, as long as they do not become too long."""
    text: list[str] = []
    length = 0
    for piece in pieces:
        length += len(piece.encode())
        if length > _LONGEST:
            raise BadTemplate(f"{name}: more than {_LONGEST} bytes come of it")
        text.append(piece)
    return "".join(text)
