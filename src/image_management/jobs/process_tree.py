"""
Which processes others have started.

Where it matters that nothing runs any more, what is waited for is C{unshare --fork}: its child is
the first process of a process space, and the kernel has it end behind all others of that space
(pid_namespaces(7)).  So it is the child that is to be killed, and never unshare itself, which would
be gone before them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

UNSHARE = ("setpriv", "--pdeathsig=KILL", "unshare", "--pid", "--fork", "--kill-child")
"""
util-linux: what is behind it on the command line, and options of unshare(1) first, is the first
process of a space of its own, which ends with the service.
"""

WITH_MOUNTS = ("--mount", "--mount-proc")
"""Behind L{UNSHARE}: with mounts of its own, and a C{/proc} that shows its own processes alone."""


def children_of(pid: int) -> list[int]:
    """The processes that a process has started; proc_pid_task(5) has them since Linux 3.5."""
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    return found


def descendants_of(pid: int) -> Iterator[int]:
    """Those too that they have started, and so on."""
    for child in children_of(pid):
        yield child
        yield from descendants_of(child)
