"""
Reading settings out of texts by their table.

Pure: nothing here looks at the environment or at the disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from httpd.settings.setting import Setting, Tolerated


class SettingsError(Exception):
    """
    Settings are wrong.

    @ivar problems: one line for each thing wrong.
    @ivar found: the values that could be read, by the settings' L{keys<Setting.key>}.
    """

    def __init__(self, problems: Iterable[str], found: Mapping[str, Any]) -> None:
        self.problems = tuple(problems)
        self.found = found
        super().__init__("\n".join(self.problems))


class WrongText(ValueError):
    """
    Several things are wrong with the text of one setting.

    @ivar problems: one sentence for each.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(slots=True)
class Reading:
    """What a table's settings say."""

    found: dict[str, Any] = field(default_factory=dict)
    """The values that could be read, by the settings' L{keys<Setting.key>}."""

    given: set[str] = field(default_factory=set)
    """The keys of those that are set, whether or not they could be read."""

    problems: list[str] = field(default_factory=list)
    """One line for each thing wrong; to be added to."""

    warnings: list[str] = field(default_factory=list)
    """One line for each thing that is not wrong, and counts otherwise than it says."""

    def require_none_wrong(self) -> None:
        """
        Go on only with sound settings.

        @raise SettingsError: something is wrong, with everything that is.
        """
        if self.problems:
            raise SettingsError(self.problems, self.found)


def read_settings(texts: Mapping[str, str], table: Iterable[Setting]) -> Reading:
    """
    Read each setting by itself.  Names that are none of the table's are ignored, white space around
    a text is too, and an empty text counts as not set.

    @param texts: the texts by the settings' names, as in the environment.
    """
    reading = Reading()
    for setting in table:
        name, text = given(texts, setting)
        if text:
            reading.given.add(setting.key)
        elif setting.required:
            reading.problems.append(f"{setting.name}: not set; expected a {setting.meaning}")
        try:
            value = _value(setting, text or setting.default)
        except WrongText as error:
            reading.problems += [f"{name}: {problem}" for problem in error.problems]
        except ValueError as error:
            reading.problems.append(f"{name}: {error}")
        else:
            reading.warnings += [f"{name}: {warning}" for warning in value.warnings]
            if setting.used:
                reading.found[setting.key] = value.value
    return reading


def _value(setting: Setting, text: str | None) -> Tolerated[Any]:
    value = setting.read(text) if text else setting.absent
    return value if isinstance(value, Tolerated) else Tolerated(value)


def given(texts: Mapping[str, str], setting: Setting) -> tuple[str, str]:
    """
    The first of a setting's names that is set, by which messages call it, and its text, which is
    empty where none is.
    """
    for name in setting.names:
        if text := texts.get(name, "").strip():
            return name, text
    return setting.name, ""
