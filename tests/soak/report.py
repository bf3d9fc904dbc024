"""What a run has seen, as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.bench.scale import GIB, MIB
from tests.soak.checks import Look
from tests.soak.exchange import Tally

_SHOWN_FAULTS = 30


@dataclass(frozen=True, slots=True)
class Half:
    """
    What came of so many workers.

    @ivar looks: at the processes, by when that was.
    @ivar sent: what the service says it has sent, in bytes.
    @ivar faults: everything that was wrong; empty: nothing.
    """

    workers: int
    seconds: float
    tally: Tally
    looks: Sequence[tuple[str, Look]]
    sent: float
    faults: Sequence[str]


def text(halves: Sequence[Half]) -> str:
    """All tables, in Markdown, and what was wrong."""
    titles = [f"{half.workers} worker{'s' * (half.workers > 1)}" for half in halves]
    kinds = sorted({kind for half in halves for kind in half.tally.requests})
    rows = [(kind, *(f"{half.tally.requests[kind]}" for half in halves)) for kind in kinds]
    rows += [
        ("all requests", *(f"{half.tally.requests.total()}" for half in halves)),
        ("seconds of load", *(f"{half.seconds:.0f}" for half in halves)),
        ("GiB checked", *(f"{half.tally.checked / GIB:.2f}" for half in halves)),
        ("GiB sent", *(f"{half.sent / GIB:.2f}" for half in halves)),
        *_looks(halves),
        ("faults", *(f"{len(half.faults)}" for half in halves)),
    ]
    return "".join([*_table(("", *titles), rows), *_faults(halves)])


def _looks(halves: Sequence[Half]) -> Iterable[tuple[str, ...]]:
    for position, (moment, _) in enumerate(halves[0].looks):
        looks = [half.looks[position][1] for half in halves]
        memory = [
            " + ".join(f"{size / MIB:.0f}" for size in look.memory.values()) for look in looks
        ]
        descriptors = [
            " + ".join(f"{names.total()}" for names in look.descriptors.values()) for look in looks
        ]
        yield (f"RSS in MiB, {moment}", *memory)
        yield (f"descriptors, {moment}", *descriptors)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterable[str]:
    lines = [head, ("---", *("--:" for _ in head[1:])), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for name, *cells in lines:
        padded = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        yield f"| {' | '.join([name.ljust(widths[0]), *padded])} |\n"


def _faults(halves: Sequence[Half]) -> Iterable[str]:
    for half in halves:
        for fault in half.faults[:_SHOWN_FAULTS]:
            yield f"WORKERS={half.workers}: {fault}\n"
        if more := len(half.faults[_SHOWN_FAULTS:]):
            yield f"WORKERS={half.workers}: and {more} more\n"
