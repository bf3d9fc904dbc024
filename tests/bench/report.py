"""The results for people, as a table, and for programs, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.bench.figures import Series, shown
from tests.bench.rows import Row

_HEADS = ("case", "figure", "nginx", "ours", "ratio", "to reach", "verdict", "remark")
_NUMBERS = (2, 3, 4)
"""Columns that are aligned right."""


def table(rows: Sequence[Row]) -> str:
    """A table in Markdown, aligned for reading as it is."""
    cells = [_HEADS, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADS))]
    rule = [
        "-" * (width - 1) + (":" if column in _NUMBERS else "-")
        for column, width in enumerate(widths)
    ]
    return "".join(_line(line, widths) for line in (cells[0], rule, *cells[1:]))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        cell.rjust(width) if column in _NUMBERS else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return f"| {' | '.join(padded)} |\n"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.case,
        " ".join(filter(None, (row.figure, f"({row.unit})" if row.unit else ""))),
        _series(row.nginx),
        _series(row.ours),
        _series(row.ratio),
        ", ".join(goal.text(row.unit) for goal in row.goals) or "-",
        row.verdict.value,
        row.note,
    )


def _series(series: Series | None) -> str:
    if series is None:
        return ""
    spread = f" ± {series.spread:.0%}" if len(series.values) > 1 else ""
    return shown(series.median) + spread


def as_json(rows: Sequence[Row], machine: Mapping[str, object]) -> dict[str, object]:
    """Everything that was measured, to be written as JSON."""
    return {"machine": dict(machine), "rows": [_row(row) for row in rows]}


def _row(row: Row) -> dict[str, object]:
    return {
        "case": row.case,
        "figure": row.figure,
        "unit": row.unit,
        "nginx": _numbers(row.nginx),
        "ours": _numbers(row.ours),
        "ratio": _numbers(row.ratio),
        "to_reach": [goal.text(row.unit) for goal in row.goals],
        "verdict": row.verdict.value,
        "remark": row.note,
    }


def _numbers(series: Series | None) -> dict[str, object] | None:
    if series is None:
        return None
    return {
        "median": series.median,
        "low": series.low,
        "high": series.high,
        "spread": series.spread,
        "values": list(series.values),
    }
