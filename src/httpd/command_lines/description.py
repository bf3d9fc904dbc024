"""What a command is and takes, read off its C{Options}: what help, shells and the manual tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.python import usage

from httpd.settings.options import ServiceOptions


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a command."""

    name: str
    """Without the dashes."""

    short: str | None
    """The one letter that it may be given by, too."""

    takes_value: bool
    meaning: str
    default: str | None


@dataclass(frozen=True, slots=True)
class Command:
    """A program, or one of the commands of one."""

    path: tuple[str, ...]
    """The words that lead to it, the program's name first."""

    summary: str
    synopsis: str
    description: str
    examples: Sequence[str]
    options: Sequence[Option]
    """By their names."""

    commands: Sequence[Command]
    """Those that it has itself, in the order of its help."""

    operands: Sequence[str] = ()
    """The words that may follow, where only some may; else files and URLs may."""

    @property
    def name(self) -> str:
        """The last of the words."""
        return self.path[-1]

    def all(self) -> Iterator[Command]:
        """This one, and all below it."""
        yield self
        for command in self.commands:
            yield from command.all()


def described(kind: type[usage.Options], path: Sequence[str], summary: str) -> Command:
    """
    Describe a command.

    @param kind: its command line.
    @param path: as L{Command.path}.
    """
    options: Any = kind()
    return Command(
        path=tuple(path),
        summary=summary,
        synopsis=_synopsis(options, path),
        description=" ".join(str(getattr(options, "longdesc", "")).split()),
        examples=tuple(getattr(options, "examples", ())),
        options=tuple(sorted(_options(options), key=lambda option: option.name)),
        commands=tuple(
            described(below, (*path, name), meaning)
            for name, _, below, meaning in getattr(options, "subCommands", ())
        ),
        operands=_words(options),
    )


def _synopsis(options: usage.Options, path: Sequence[str]) -> str:
    if type(options).getSynopsis in (usage.Options.getSynopsis, ServiceOptions.getSynopsis):
        # It would have the name of whatever program runs.
        return f"{' '.join(path)} [options]"
    return options.getSynopsis().removeprefix("Usage: ")


def _words(options: Any) -> tuple[str, ...]:
    """A program's C{operands} are a text for its help."""
    operands = getattr(options, "operands", ())
    return operands if isinstance(operands, tuple) else ()


def _options(options: Any) -> Iterator[Option]:
    shorts = {name: short for short, name in options.synonyms.items() if len(short) == 1}
    for word in set(options.longOpt):  # where classes derive from each other one is there twice
        name = word.removesuffix("=")
        takes_value = word.endswith("=")
        default = options.defaults.get(name) if takes_value else None
        yield Option(
            name,
            shorts.get(name),
            takes_value,
            " ".join(str(options.docs[name]).split()),
            None if default is None else str(default),
        )
