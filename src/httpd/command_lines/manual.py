"""The manual page of a program, in the language of man(7), out of what its commands are."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from httpd.command_lines.description import Command, Option

_WIDTH = 78

_EXIT_STATUS = {
    "0": "It is done.",
    "1": "It has failed, or what was looked at is wrong.",
    "2": "The command line was not understood, or a setting is wrong.",
    "130": "It was interrupted.",
}


def manual_page(program: Command, see_also: Mapping[str, str]) -> str:
    """
    The page, of section 1.

    @param see_also: other pages, or places, and what each is.
    """
    return "\n".join((*_page(program, see_also), ""))


def _page(program: Command, see_also: Mapping[str, str]) -> Iterator[str]:
    yield f'.\\" Made by: make share\n.TH {program.name.upper()} 1 "" "{program.name}"'
    yield ".SH NAME"
    yield f"{_escaped(program.name)} \\- {_escaped(program.summary)}"
    yield ".SH SYNOPSIS"
    yield f".B {_escaped(program.name)}"
    yield ".I command"
    yield "[options] [operands]"
    yield ".SH DESCRIPTION"
    yield from _text(program.description)
    yield ".SH COMMANDS"
    seen: list[Command] = []
    for command in program.all():
        if command is not program:
            yield from _command(command, seen)
            seen.append(command)
    yield ".SH EXIT STATUS"
    for status, meaning in _EXIT_STATUS.items():
        yield from _item(f".B {status}", meaning)
    yield ".SH EXAMPLES"
    for command in program.all():
        if command is not program and not command.commands:
            yield f".SS {_escaped(' '.join(command.path[1:]))}"
            yield "\n.PP\n".join(f".EX\n{_begun(_escaped(one))}\n.EE" for one in command.examples)
    yield ".SH SEE ALSO"
    for name, meaning in see_also.items():
        yield from _item(f".B {_escaped(name)}", meaning)


def _command(command: Command, before: list[Command]) -> Iterator[str]:
    yield f".SS {_escaped(' '.join(command.path[1:]))}"
    yield f".B {_escaped(command.synopsis)}"
    yield ".PP"
    yield from _text(command.description)
    options = list(command.options)
    same = next((one for one in before if set(one.options) < set(command.options)), None)
    if same is not None and len(same.options) > len(options) // 2:
        options = [option for option in options if option not in same.options]
        yield ".PP"
        yield from _text(f"It has the options of {' '.join(same.path[1:])}, and these:")
    for option in options:
        yield from _option(option)


def _option(option: Option) -> Iterator[str]:
    value = "=\\fIvalue\\fR" if option.takes_value else ""
    short = f"\\fB\\-{option.short}\\fR, " if option.short else ""
    default = f" [default: {option.default}]" if option.default else ""
    head = f"{short}\\fB\\-\\-{_escaped(option.name)}\\fR{value}"
    yield from _item(head, f"{option.meaning}{default}")


def _item(head: str, text: str) -> Iterator[str]:
    yield ".TP"
    yield head
    yield from _text(text)


def _text(text: str) -> Iterator[str]:
    """A paragraph, which is filled anew when it is shown."""
    lines = textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return (_begun(_escaped(line)) for line in lines)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


def _begun(line: str) -> str:
    """A line that is no request, whatever it begins with."""
    return f"\\&{line}" if line.startswith((".", "'")) else line
