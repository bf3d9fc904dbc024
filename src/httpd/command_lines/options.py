"""The command of a program that prints what completes its command line."""

from __future__ import annotations

from twisted.python import usage

from httpd.command_lines.completion import SHELLS
from httpd.command_lines.description import Command, described
from httpd.settings.options import Commands, VersionedOptions, the_one

_EXPECTED = f"shell: {', '.join(SHELLS)}"


class CompletionOptions(VersionedOptions):
    """
    The command line.

    @cvar program: whose command lines are to be completed.
    @ivar shell: for which shell.
    """

    program: str
    operands = tuple(SHELLS)
    longdesc = (
        "Prints a script that has a shell complete the commands and options of this program. The"
        " examples put it where bash, zsh and fish look for such scripts."
    )
    shell: str

    def __init__(self) -> None:
        super().__init__()
        data, name = "~/.local/share", self.program
        self.examples = (
            f"{name} completion bash > {data}/bash-completion/completions/{name}",
            f"{name} completion zsh > /usr/local/share/zsh/site-functions/_{name}",
            f"{name} completion fish > ~/.config/fish/completions/{name}.fish",
        )

    def getSynopsis(self) -> str:  # noqa: N802
        """The first line of the help."""
        return f"Usage: {self.program} completion {'|'.join(self.operands)}"

    def parseArgs(self, *arguments: str) -> None:  # noqa: N802
        """
        Take the shell.

        @raise usage.UsageError: it is missing, or not known.
        """
        self.shell = the_one(arguments, _EXPECTED)
        if self.shell not in SHELLS:
            raise usage.UsageError(f"unknown shell {self.shell!r}; expected one {_EXPECTED}")


def described_program(kind: type[Commands]) -> Command:
    """All that a program has."""
    return described(kind, (kind.program,), kind.meaning)


def completion(kind: type[Commands], shell: str) -> str:
    """The script that completes a program's command line in a shell."""
    return SHELLS[shell](described_program(kind))
