"""
Settings as options of a command: from the command line and, where that says nothing, from the
environment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, NoReturn, TypeVar

from twisted.python import usage

from httpd.settings.reading import SettingsError, given
from httpd.settings.setting import Setting

S = TypeVar("S")

BAD_USAGE = 2
"""The exit status of a command that was not understood."""


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


def the_one(arguments: Sequence[str], expected: str) -> str:
    """
    The one argument behind a command's options.

    @param expected: what it is to be, as the end of the sentence that says so.
    @raise usage.UsageError: there is none, or there are more.
    """
    if len(arguments) != 1:
        text = f"{len(arguments)} arguments behind the options; expected one {expected}"
        raise usage.UsageError(text)
    return arguments[0]


class VersionedOptions(usage.Options):
    """
    A command that tells its own version; Twisted's would tell Twisted's.

    @cvar version: its name and version.
    @cvar examples: lines that a user could type.
    """

    version: str
    examples: Sequence[str] = ()

    def opt_version(self) -> None:
        """Display the version and exit."""
        sys.stdout.write(f"{self.version}\n")
        sys.exit(0)

    def getUsage(self, width: int | None = None) -> str:  # noqa: N802
        """The help, which ends with the examples."""
        usage = str(super().getUsage(width))
        if not self.examples or hasattr(self, "subOptions"):  # then it is that one's
            return usage
        return "\n".join((usage, "Examples:", *(f"  {line}" for line in self.examples), ""))


class Commands(VersionedOptions):
    """
    A program of several commands, which are its C{subCommands}.

    @cvar program: its name.
    @cvar meaning: what it is, in a few words.
    @cvar operands: what follows the command's options, as the help shows it.
    """

    program: str
    meaning: str
    operands: str
    subCommands: list[list[Any]]  # noqa: N815

    def getSynopsis(self) -> str:  # noqa: N802
        """The first line of the help."""
        return f"Usage: {self.program} {self._names} [options] {self.operands}"

    @property
    def _names(self) -> str:
        return "|".join(name for name, *_ in self.subCommands)

    def postOptions(self) -> None:
        """
        A command is there.

        @raise usage.UsageError: it is not.
        """
        if self.subCommand is None:
            raise usage.UsageError(
                f"no command; expected: {self.program} {self._names} {self.operands}"
            )

    @classmethod
    def chosen(cls, arguments: Sequence[str] | None) -> Any:
        """
        The command that is asked for, be it one of a command's own, its options read; the process
        ends with 2 when what is asked for is not understood.

        @param arguments: C{None}: those of the process.
        """
        options = cls()
        try:
            options.parseOptions(sys.argv[1:] if arguments is None else list(arguments))
        except usage.UsageError as error:
            fail(cls.program, BAD_USAGE, f"{error}\nHelp: {cls.program} --help")
        found: Any = options
        while found.subCommand is not None:
            found = found.subOptions
        return found


def fail(program: str, status: int, text: str) -> NoReturn:
    """End the process of a command with a status, and say why."""
    sys.stderr.write(f"{program}: {text}\n")
    sys.exit(status)


class SettingOptions(VersionedOptions, Generic[S]):
    """
    A command whose C{optParameters} are the L{parameters} of C{table}.

    @cvar table: the settings.
    @ivar environment: where settings are looked up that are no options.
    @ivar settings: the checked settings, once the command line has been read.
    @ivar texts: what they were read from, by name.
    """

    table: tuple[Setting, ...] = ()
    environment: Mapping[str, str]
    settings: S
    texts: Mapping[str, str]

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """
        @param environment: by default the process's.
        """
        super().__init__()
        self.environment = os.environ if environment is None else environment
        # The defaults are for the help only; what is not given is not there.
        self.update(dict.fromkeys(setting for row in self.table for setting in row.options))

    def read(self, texts: Mapping[str, str]) -> S:
        """
        Read the settings.

        @raise SettingsError: with everything that is wrong.
        """
        raise NotImplementedError

    def file_problems(self, found: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
        """
        What is wrong with the files that settings name, one line each.

        @param found: the settings that could be read, by their L{keys<Setting.key>}.
        @param names: what the settings are called, as they were given, by their keys.
        """
        raise NotImplementedError

    def wrong(self, problems: list[str]) -> str:
        """What is said of settings that are wrong."""
        return "\n  ".join(["wrong settings:", *problems])

    def postOptions(self) -> None:
        """
        Check everything.

        @raise usage.UsageError: with all that is wrong, one line each.
        """
        self.texts = self._setting_texts()
        problems: list[str] = []
        found: Mapping[str, Any]
        try:
            self.settings = self.read(self.texts)
        except SettingsError as error:
            problems += error.problems
            found = error.found
        else:
            keys = [setting.key for setting in self.table if setting.used]
            found = {key: getattr(self.settings, key) for key in keys}
        names = {setting.key: given(self.texts, setting)[0] for setting in self.table}
        problems += self.file_problems(found, names)
        if problems:
            raise usage.UsageError(self.wrong(problems))

    def _setting_texts(self) -> dict[str, str]:
        """The settings' texts: the environment's, those of given options in their place."""
        names = {name for setting in self.table for name in setting.names}
        texts = {name: text for name, text in self.environment.items() if name in names}
        for setting in self.table:
            for option in setting.options:
                if self[option] is not None:
                    texts.update(dict.fromkeys(setting.names, ""))
                    texts[setting.name_of(option)] = self[option]
                    break
        return texts


class ServiceOptions(SettingOptions[S]):
    """
    The command line of a service, which is a plugin of C{twistd}.

    @cvar service: its name.
    """

    service: str
    _wrong = False

    def wrong(self, problems: list[str]) -> str:
        """All of them, and how many they are."""
        self._wrong = True
        lines = "".join(f"\n  {problem}" for problem in problems)
        count = "1 setting is" if len(problems) == 1 else f"{len(problems)} settings are"
        return f"{self.service} cannot start, {count} wrong:{lines}"

    def getSynopsis(self) -> str:  # noqa: N802
        """The first line of the help: C{twistd}'s, or that of a command which stands for it."""
        command = getattr(self.parent, "command", None)
        return f"Usage: {command} [options]" if command else str(super().getSynopsis())

    def getUsage(self, width: int | None = None) -> str:  # noqa: N802
        """The help; beside complaints about settings, which it would bury, only where it is."""
        if self._wrong:
            return f"The settings: twistd {self.service} --help\n"
        return str(super().getUsage(width))
