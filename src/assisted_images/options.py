"""The plugin's command line: the settings' table as options of C{twistd}."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from twisted.python import usage

from assisted_images.setting_files import file_problems
from assisted_images.setting_options import SettingOptions, parameters
from assisted_images.settings import Settings, SettingsError, parse_settings
from assisted_images.settings.table import SETTINGS


class Options(SettingOptions):
    """
    The settings, from the command line and, where that says nothing, from the environment.

    @ivar settings: the checked settings, once the command line has been read.
    @ivar texts: what they were read from, by name.
    """

    table = SETTINGS
    optParameters = parameters(SETTINGS)

    longdesc = (
        "Serves CoreOS live ISOs with the Ignition config of an infra-env in them. Each option is"
        " also a variable of the environment: --listen-port is LISTEN_PORT. An option beats the"
        " environment. Without --nodaemon and --pidfile= before the command's name twistd goes to"
        " the background."
    )

    settings: Settings
    texts: Mapping[str, str]
    _wrong = False

    def postOptions(self) -> None:
        """
        Check everything.

        @raise usage.UsageError: with all that is wrong, one line each.
        """
        try:
            self.texts = self.setting_texts()
            self.settings = parse_settings(self.texts)
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
