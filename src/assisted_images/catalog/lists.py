"""What the JSON lists of images have in common: how they are read, and what is told if wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from assisted_images.values import OpenShiftVersion
from httpd.settings.reading import WrongText
from httpd.settings.setting import Tolerated
from httpd.texts import quoted_if_odd

_T = TypeVar("_T")

_JSON = msgspec.json.Decoder()

_LONGEST_VERSION = 128
"""File names have 255 bytes at most; this leaves room for what goes around the version."""

_FILE_NAME_PART = re.compile(r"[A-Za-z0-9](?:\.?[A-Za-z0-9_+~-])*")
"""What may be part of a file name: no separators, no leading dot, no two dots in a row."""


class CatalogError(WrongText):
    """A list of images is wrong; C{problems} has one sentence for each thing wrong."""


class LeftOut(Exception):
    """An entry that nothing is wrong with cannot be served; the text says why."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an object."""

    read: Callable[[Any], Any]
    """
    Reads its value; C{ValueError} says what is wrong with it, L{LeftOut} why its entry cannot be
    served, whatever else it says.
    """

    required: bool = False
    kind: type = str
    """What JSON has there: C{str} or C{list}."""

    blank_is_absent: bool = True
    """Whether an empty value counts as none; C{null} always does."""

    shown: Callable[[str], str] | None = None
    """How the value goes into the entry's name in messages; C{None}: not at all."""


def read_list(
    text: str, keys: Mapping[str, Key], make: Callable[[Mapping[str, Any]], _T]
) -> Tolerated[tuple[_T, ...]]:
    """
    Read a JSON list of objects.  Keys that are none of C{keys} are ignored, whatever their type.

    @param make: makes an entry of the values that were read; C{ValueError} says which of them do
        not go together.
    @return: the entries, without those that are L{LeftOut}.
    @raise CatalogError: with every problem of every object.
    """
    try:
        raw = _JSON.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        raise CatalogError([f"the text is not JSON: {error}; expected a list of objects"]) from None
    if not isinstance(raw, list):
        raise CatalogError(["the text is JSON but no list; expected a list of objects"])
    if not raw:
        raise CatalogError(["the list is empty; expected at least one OS image"])
    entries, problems, warnings = [], [], []
    for index, item in enumerate(raw):
        name = f"entry {index} ({_description(item, keys)})"
        try:
            entries.append(_read_item(item, keys, make))
        except LeftOut as reason:
            warnings.append(f"{name} is left out: {reason}")
        except CatalogError as error:
            problems += [f"{name}: {problem}" for problem in error.problems]
    if problems:
        raise CatalogError(problems)
    return Tolerated(tuple(entries), warnings)


def _read_item(
    item: object, keys: Mapping[str, Key], make: Callable[[Mapping[str, Any]], _T]
) -> _T:
    if not isinstance(item, dict):
        required = ", ".join(name for name, key in keys.items() if key.required)
        raise CatalogError([f"it is no object; expected one with {required}"])
    values: dict[str, Any] = {}
    problems = []
    for name, key in keys.items():
        try:
            value = _read_value(item.get(name), key)
        except ValueError as error:
            problems.append(f"{name}{error}")
        else:
            if value is not None:
                values[name] = value
    if not problems:
        try:
            return make(values)
        except ValueError as error:
            problems.append(str(error))
    raise CatalogError(problems)


def _read_value(value: object, key: Key) -> Any:
    """The value; C{None} where there is none.  The error's text goes on after the key's name."""
    expected = "expected a string" if key.kind is str else "expected a list of strings"
    # A Go template writes "" or null for what is not there.
    if value is None or (key.blank_is_absent and value in ("", key.kind())):
        if key.required:
            raise ValueError(f" is missing; {expected}")
        return None
    if not isinstance(value, key.kind):
        raise ValueError(f" is not a {'string' if key.kind is str else 'list'}; {expected}")
    try:
        return key.read(value)
    except ValueError as error:
        raise ValueError(f": {error}") from None


def _description(item: object, keys: Mapping[str, Key]) -> str:
    """What identifies an entry to whoever wrote it; nothing secret."""
    if not isinstance(item, dict):
        return quoted_if_odd(repr(item)) if isinstance(item, int | float | None) else "no object"
    parts = [
        f"{name} {quoted_if_odd(key.shown(item[name]))}"
        for name, key in keys.items()
        if key.shown is not None and isinstance(item.get(name), str)
    ]
    return ", ".join(parts) or "without any of the required keys"


def openshift_version(text: str) -> str:
    """Read a version that can be compared."""
    OpenShiftVersion.parse(text)
    return text


def file_name_part(text: str) -> str:
    """Read a version that becomes part of a file's name."""
    if len(text) > _LONGEST_VERSION or not _FILE_NAME_PART.fullmatch(text):
        raise ValueError(
            f"{quoted_if_odd(text)} cannot be part of a file name; expected letters, digits, single"
            f" dots and any of _+~-, at most {_LONGEST_VERSION} characters"
        )
    return text
