"""Lines that a demo prints for a shell, pasted there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.running import run

_VARIABLES = "job image port"


class Shell:
    """A shell that keeps the variables that the printed lines set."""

    def __init__(self, folder: Path) -> None:
        """
        @param folder: where it runs.
        """
        self._folder = folder
        self._state = folder / "variables"
        self._state.touch()

    async def paste(self, line: str) -> str:
        """
        What a line prints; nobody is at the keyboard.

        @raise AssertionError: it fails.
        """
        keep = f"for name in {_VARIABLES}; do declare -p $name; done >variables 2>/dev/null || :"
        script = f"set -e\ncd {self._folder}\n. ./variables\n{line}\n{keep}"
        return (await run("bash", "-c", f"exec </dev/null\n{script}")).decode("utf-8", "replace")

    async def variable(self, name: str) -> str:
        """What a variable has."""
        return (await self.paste(f"echo ${name}")).strip()


def printed_lines(output: str, first: str) -> Iterator[tuple[str, list[str]]]:
    """
    The lines to be pasted, by what is said of them.

    @param output: what a demo has printed.
    @param first: how the first heading begins that counts.
    """
    lines = output[output.index(f"\n{first}") + 1 :].splitlines()
    while lines and lines[0]:
        heading, commands = lines.pop(0), []
        while lines and lines[0].startswith("  "):
            commands.append(lines.pop(0).strip())
        yield heading, commands
