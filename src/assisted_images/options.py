"""The plugin's command line: the settings' table as options of C{twistd}."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields

from twisted.python import usage

from assisted_images.setting_files import file_problems
from assisted_images.settings import Settings, SettingsError, parse_settings
from assisted_images.settings.table import SETTINGS, Setting


def _parameters(setting: Setting) -> list[list[str | None]]:
    """What L{usage.Options} wants to know of a setting's options, the first one and aliases."""
    first, *others = setting.options
    aliases = [[alias, None, None, f"the same as --{first}"] for alias in others]
    default, meaning = setting.default_text or None, setting.meaning
    if setting.required:
        default, meaning = None, f"{meaning} (required)"
    return [[first, None, default, meaning], *aliases]


class Options(usage.Options):
    """
    The settings, from the command line and, where that says nothing, from the environment.

    @ivar settings: the checked settings, once the command line has been read.
    """

    optParameters = [row for setting in SETTINGS for row in _parameters(setting)]  # noqa: RUF012

    longdesc = (
        "Serves CoreOS live ISOs with the Ignition config of an infra-env in them. Each option is"
        " also a variable of the environment: --listen-port is LISTEN_PORT. An option beats the"
        " environment. Without --nodaemon and --pidfile= before the command's name twistd goes to"
        " the background."
    )

    settings: Settings
    _wrong = False

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """
        @param environment: where settings are looked up that are no options; by default the
            process's.
        """
        super().__init__()
        self._environment = os.environ if environment is None else environment
        # The defaults are for the help only; what is not given is not there.
        self.update(dict.fromkeys(self.defaults))

    def postOptions(self) -> None:
        """
        Check everything.

        @raise usage.UsageError: with all that is wrong, one line each.
        """
        try:
            self.settings = parse_settings(self._texts())
        except SettingsError as error:
            problems = [*error.problems, *file_problems(error.found)]
        else:
            found = {field.name: getattr(self.settings, field.name) for field in fields(Settings)}
            problems = list(file_problems(found))
        if problems:
            self._wrong = True
            lines = "".join(f"\n  {problem}" for problem in problems)
            count = "1 setting is" if len(problems) == 1 else f"{len(problems)} settings are"
            raise usage.UsageError(f"assisted-images cannot start, {count} wrong:{lines}")

    def getUsage(self, width: int | None = None) -> str:  # noqa: N802
        """The help; beside complaints about settings, which it would bury, only where it is."""
        if self._wrong:
            return "The settings: twistd assisted-images --help\n"
        return str(super().getUsage(width))

    def _texts(self) -> dict[str, str]:
        """The settings' texts: the environment's, those of given options in their place."""
        texts = dict(self._environment)
        for setting in SETTINGS:
            given = [self[option] for option in setting.options if self[option] is not None]
            if given:
                texts.update(dict.fromkeys(setting.names, ""))
                texts[setting.name] = given[0]
        return texts
