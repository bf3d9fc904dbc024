"""
Settings as options of a command: from the command line and, where that says nothing, from the
environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from twisted.python import usage

from assisted_images.settings.setting import Setting


def parameters(settings: Iterable[Setting]) -> list[list[str | None]]:
    """What C{optParameters} wants to know of the settings."""
    return [row for setting in settings for row in _rows(setting)]


def _rows(setting: Setting) -> Iterator[list[str | None]]:
    """The first option, and aliases."""
    first, *others = setting.options
    default, meaning = setting.default_text or None, setting.meaning
    if setting.required:
        default, meaning = None, f"{meaning} (required)"
    yield [first, None, default, meaning]
    for alias in others:
        yield [alias, None, None, f"the same as --{first}"]


class SettingOptions(usage.Options):
    """
    A command whose C{optParameters} are the L{parameters} of C{table}.

    @cvar table: the settings.
    """

    table: tuple[Setting, ...] = ()

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """
        @param environment: where settings are looked up that are no options; by default the
            process's.
        """
        super().__init__()
        self._environment = os.environ if environment is None else environment
        # The defaults are for the help only; what is not given is not there.
        self.update(dict.fromkeys(setting for row in self.table for setting in row.options))

    def setting_texts(self) -> dict[str, str]:
        """The settings' texts: the environment's, those of given options in their place."""
        names = {name for setting in self.table for name in setting.names}
        texts = {name: text for name, text in self._environment.items() if name in names}
        for setting in self.table:
            given = [self[option] for option in setting.options if self[option] is not None]
            if given:
                texts.update(dict.fromkeys(setting.names, ""))
                texts[setting.name] = given[0]
        return texts
