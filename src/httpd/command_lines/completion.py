"""What completes a program's command line, as a script for each shell that knows how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from httpd.command_lines.description import Command, Option

_MADE_BY = "# Made by: {} completion {}"


def bash(program: Command) -> str:
    """For bash: options, commands, and files for all else."""
    function = _function(program.path)
    return "\n".join(
        (
            _MADE_BY.format(program.name, "bash"),
            f"{function}() {{",
            "    local word=${COMP_WORDS[COMP_CWORD]} command= options= words= at",
            "    for ((at = 1; at < COMP_CWORD; at++)); do",
            '        case "$command ${COMP_WORDS[at]}" in',
            f"            {' | '.join(_steps(program))})",
            '                command+="${command:+ }${COMP_WORDS[at]}" ;;',
            "        esac",
            "    done",
            '    case "$command" in',
            *(line for command in program.all() for line in _bash_words(command)),
            "    esac",
            '    if [[ "$word" == -* ]]; then',
            '        COMPREPLY=($(compgen -W "$options" -- "$word"))',
            "    else",
            '        COMPREPLY=($(compgen -W "$words" -- "$word"))',
            "    fi",
            "}",
            f"complete -o default -F {function} {program.name}",
            "",
        )
    )


def _steps(program: Command) -> Iterator[str]:
    """What leads from one command to one of its own."""
    for command in program.all():
        if command is not program:
            above = " ".join(command.path[1:-1])
            yield f"'{above} {command.name}'"


def _bash_words(command: Command) -> Iterator[str]:
    options = " ".join(word for option in command.options for word in _words(option))
    yield f"        '{' '.join(command.path[1:])}')"
    yield f"            options='{options}'"
    words = [*(below.name for below in command.commands), *command.operands]
    yield f"            words='{' '.join(words)}'"
    yield "            ;;"


def zsh(program: Command) -> str:
    """For zsh: the same, with what each is for."""
    functions = (line for command in program.all() for line in _zsh_function(command))
    head = (f"#compdef {program.name}", _MADE_BY.format(program.name, "zsh"))
    return "\n".join((*head, *functions, f'{_function(program.path)} "$@"', ""))


def _zsh_function(command: Command) -> Iterator[str]:
    yield f"{_function(command.path)}() {{"
    specs = [_zsh_spec(option) for option in command.options]
    if not command.commands:
        specs.append(
            f"'1:word:({' '.join(command.operands)})'" if command.operands else "'*:file:_files'"
        )
        yield "  _arguments \\"
        yield from _continued(specs)
    else:
        specs += ["'1: :->command'", "'*:: :->arguments'"]
        yield "  local curcontext=$curcontext state line"
        yield "  local -a commands"
        yield "  _arguments -C \\"
        yield from _continued(specs)
        yield "  case $state in"
        yield "    command)"
        yield "      commands=("
        for below in command.commands:
            yield f"        {_quoted(f'{below.name}:{below.summary}')}"
        yield "      )"
        yield "      _describe command commands ;;"
        yield "    arguments)"
        yield "      case $line[1] in"
        for below in command.commands:
            yield f"        {below.name}) {_function(below.path)} ;;"
        yield "      esac ;;"
        yield "  esac"
    yield "}"


def _zsh_spec(option: Option) -> str:
    meaning = option.meaning.replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
    words = _words(option)
    value = ":value:_files" if option.takes_value else ""
    specs = [
        _quoted(f"*{word}{'=' if value and word.startswith('--') else ''}[{meaning}]{value}")
        for word in words
    ]
    return " ".join(specs)


def _continued(lines: list[str]) -> Iterator[str]:
    yield from (f"    {line} \\" for line in lines[:-1])
    yield f"    {lines[-1]}"


def fish(program: Command) -> str:
    """For fish: the same, with what each is for."""
    lines = [_MADE_BY.format(program.name, "fish")]
    for command in program.all():
        condition = _fish_condition(command)
        begin = f"complete -c {program.name} -n {_fish_quoted(condition)}"
        lines += [
            f"{begin} -f -a {below.name} -d {_fish_quoted(below.summary)}"
            for below in command.commands
        ]
        if command.operands:
            lines.append(f"{begin} -f -a {_fish_quoted(' '.join(command.operands))}")
        for option in command.options:
            short = f" -s {option.short}" if option.short else ""
            files = " -r -F" if option.takes_value else ""
            meaning = _fish_quoted(option.meaning)
            lines.append(f"{begin}{short} -l {option.name}{files} -d {meaning}")
    return "\n".join((*lines, ""))


def _fish_condition(command: Command) -> str:
    """Whether the words until now lead to this command, and to none of its own."""
    words = command.path[1:]
    if not words:
        return "__fish_use_subcommand"
    conditions = [f"__fish_seen_subcommand_from {word}" for word in words]
    if command.commands:
        below = " ".join(one.name for one in command.commands)
        conditions.append(f"not __fish_seen_subcommand_from {below}")
    return "; and ".join(conditions)


def _words(option: Option) -> list[str]:
    """An option as it is typed."""
    return [*([f"-{option.short}"] if option.short else []), f"--{option.name}"]


def _function(path: tuple[str, ...]) -> str:
    return "_" + "_".join(path).replace("-", "_")


def _quoted(text: str) -> str:
    """For bash and zsh."""
    return "'" + text.replace("'", "'\\''") + "'"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS: Mapping[str, Callable[[Command], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
"""What makes the script for each, by its name."""
