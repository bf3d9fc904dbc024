"""The results as a picture, drawn by gnuplot: it is one Debian package, and no dependency here."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.bench.figures import Series, shown
from tests.bench.rows import Goal, Row
from tests.running import found_program

_SCRIPT = """\
set terminal pngcairo size 1600,{height} font "sans,11" noenhanced
set output "{output}"
set title "{title}" noenhanced
set xlabel "part of what is allowed that is used (median, least and most); \
left of 1 the goal is reached"
set logscale x 10
set xrange [{least}:{most}]
set yrange [{count} - 0.3:-0.7]
set grid xtics
set lmargin 76
set rmargin 26
set tics nomirror scale 0.5
set arrow from 1, graph 0 to 1, graph 1 nohead linewidth 2 linecolor rgb "#444444"
set style fill solid 0.85 noborder
unset key
$rows << END
{rows}END
plot $rows using 2:1:({least}):2:($1-0.3):($1+0.3):7:ytic(5) \\
         with boxxyerror linecolor rgb variable, \\
     $rows using 2:1:3:4 with xerrorbars pointtype 7 pointsize 0.5 linecolor rgb "#222222", \\
     $rows using ({most}):1:6 with labels left offset 1,0
"""

_GOOD, _BAD = 0x4C956C, 0xC8553D


def draw(rows: Sequence[Row], machine: Mapping[str, object], output: Path) -> None:
    """
    Write the picture C{output} (PNG): a bar for each goal, all of them on one scale.

    @raise AssertionError: gnuplot is not installed.
    @raise subprocess.CalledProcessError: it failed.
    """
    subprocess.run(
        [found_program("gnuplot")], input=script(rows, machine, output).encode(), check=True
    )


def script(rows: Sequence[Row], machine: Mapping[str, object], output: Path) -> str:
    """The picture as gnuplot's commands."""
    bars = list(_bars(rows))
    shares = [share for _, _, series in bars for share in series.values if share > 0]
    return _SCRIPT.format(
        height=140 + 34 * len(bars),
        output=_quoted(str(output)),
        title=_quoted(f"{machine.get('cpu')}, {machine.get('cpus')} CPUs, {machine.get('when')}"),
        least=min([0.05, *(share / 1.5 for share in shares)]),
        most=max([2.0, *(share * 1.5 for share in shares)]),
        count=len(bars),
        rows="".join(_data(number, *bar) for number, bar in enumerate(bars)),
    )


def _bars(rows: Sequence[Row]) -> Iterator[tuple[Row, Goal, Series]]:
    """Each goal with the shares of it that the runs used."""
    for row in rows:
        for goal in row.goals:
            series = row.about(goal)
            if series is not None:
                # What is a difference can be negative, for which a logarithm has no place.
                yield row, goal, Series.of(max(goal.share(v), 0.001) for v in series.values)


def _data(number: int, row: Row, goal: Goal, shares: Series) -> str:
    subject = row.about(goal)
    assert subject is not None
    measured = f"{shown(subject.median)} {goal.unit(row.unit)}"
    colour = _GOOD if goal.holds(subject.median) else _BAD
    label = _quoted(f"{row.case}: {row.figure} {goal.text(row.unit)}")
    return (
        f"{number} {shares.median} {shares.low} {shares.high}"
        f' "{label}" "{_quoted(measured)}" {colour}\n'
    )


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', "'")
