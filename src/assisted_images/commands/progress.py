"""What a terminal shows of bytes on their way."""

from __future__ import annotations

from typing import Any, TextIO

from tqdm import tqdm


def bar_of_bytes(what: str, total: int, terminal: TextIO | None = None) -> tqdm[Any]:
    """
    A progress bar; nothing is shown where there is no terminal.

    @param what: is on its way.
    @param total: bytes in all.
    @param terminal: where it is; C{None}: the standard error output.
    """
    return tqdm(
        desc=what,
        total=total,
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        leave=False,
        file=terminal,
        disable=None,  # where it is no terminal
    )
