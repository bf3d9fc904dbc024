"""A page as one script for bash, and what it printed compared with what the page promises."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from tests.docs.pages import Block

_SPECIAL = re.compile(r"[][(){}.*+?^$|\\]")

_BEGIN = """\
set -euo pipefail
# Each command in the background is a group of processes, which Ctrl-C ends.
set -m
end() {
    exec >/dev/null 2>&1
    for job in $(jobs -p); do kill -INT -- "-$job" || :; done
    wait
}
trap end EXIT
"""

_UNTIL = """\
grep -qEm1 {wanted} <(tail -n +1 -f --pid=$! {output} 2>/dev/null)
"""
"""Until a program in the background has printed a line; it fails where that ends before."""


def script(steps: Iterable[Block], outputs: Path) -> str:
    """
    What bash is to do.  What each step prints is in a file by its number, which is there once the
    step has begun.

    @param outputs: the directory of these files.
    """
    parts = [_BEGIN]
    for number, block in enumerate(steps):
        output = shlex.quote(str(outputs / f"{number}"))
        if block.is_file:
            parts.append(f"printf %s {shlex.quote(block.text)} >{shlex.quote(block.title)}\n")
        elif block.goes_on:
            # The file is there before anybody looks whether something is in it.
            parts.append(f": >{output}\n{{\n{block.text}}} >>{output} 2>&1 &\n")
            if block.printed:
                wanted = shlex.quote(_expression(block.printed.splitlines()[-1]))
                parts.append(_UNTIL.format(wanted=wanted, output=output))
        else:
            parts.append(f"exec >{output} 2>&1\n{block.text}")
    return "".join(parts)


def difference(block: Block, output: str) -> str | None:
    """How what a command has printed is not what the page promises; C{None}: it is."""
    if block.printed is None:
        return None
    wanted = re.compile("".join(map(_lines, block.printed.splitlines())))
    text = output.rstrip("\n") + "\n"
    if wanted.search(text) if block.goes_on else wanted.fullmatch(text):
        return None
    return f"the page promises\n{block.printed}\nand it printed\n{output}"


def _lines(line: str) -> str:
    return "(?:.*\n)*?" if line.strip() == "…" else f"{_expression(line.rstrip())}[ \t]*\n"


def _expression(line: str) -> str:
    """The line as a regular expression, of Python and of grep -E alike."""
    return ".*".join(_SPECIAL.sub(r"\\\g<0>", part) for part in line.split("…"))
