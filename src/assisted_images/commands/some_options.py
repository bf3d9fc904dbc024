"""Commands that need some of the service's settings, under the same names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any, Generic, TypeVar

from assisted_images.settings.files import file_problems
from assisted_images.settings.settings import parse_some
from assisted_images.settings.table import SETTINGS
from assisted_images.values import VERSION_TEXT
from httpd.settings.options import SettingOptions
from httpd.settings.setting import Setting

S = TypeVar("S")


def table_of(settings_class: Any) -> tuple[Setting, ...]:
    """
    The rows of the settings that a class has as its attributes.

    @param settings_class: a dataclass.
    """
    keys = {field.name for field in fields(settings_class)}
    return tuple(setting for setting in SETTINGS if setting.key in keys)


class SomeOptions(SettingOptions[S], Generic[S]):
    """
    The command line of such a command.

    @cvar settings_class: makes the settings of their values, by keyword.
    """

    version = VERSION_TEXT
    settings_class: Callable[..., S]

    def read(self, texts: Mapping[str, str]) -> S:
        """
        Read the settings.

        @raise SettingsError: with everything that is wrong.
        """
        return type(self).settings_class(**parse_some(texts, self.table))

    def file_problems(self, found: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
        """What is wrong with the files that settings name, one line each."""
        return file_problems(found, names)
