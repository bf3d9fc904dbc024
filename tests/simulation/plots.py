"""The pictures of docs/explanation/scaling.md, drawn by gnuplot."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tests.running import found_program
from tests.simulation.scenario import Scenario
from tests.simulation.storm import simulate
from tests.simulation.tables import INSTALLATIONS, WAYS, changed

_HOSTS_OF_A_SITE = 100
_HOSTS = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
_REPLICAS = (3, 5, 10, 20, 50, 100)
_DRAWN = tuple(way for way in WAYS if "hour" not in way and "TLS" not in way)

_SCRIPT = """\
set terminal svg size 800,520 font "sans-serif,13" background rgb "white"
set output "{output}"
set title "{title}"
set xlabel "{across}"
set ylabel "minutes until all have booted"
set logscale xy
set format x "%.0f"
set grid
set key below maxcols 3
{data}
plot {curves}
"""

Points = Sequence[tuple[int, float]]


def draw_all(directory: Path, report: Path) -> None:
    """
    Write C{scaling-hosts.svg} and C{scaling-replicas.svg}.

    @param report: of C{make bench}.
    @raise AssertionError: gnuplot is not installed.
    @raise subprocess.CalledProcessError: it failed.
    """
    middle, large = INSTALLATIONS[10_000], INSTALLATIONS[1_000_000]
    by_hosts = [replace(middle, sites=count // _HOSTS_OF_A_SITE) for count in _HOSTS]
    by_replicas = [replace(large, replicas=count) for count in _REPLICAS]
    _draw(
        directory / "scaling-hosts.svg",
        f"{middle.replicas} replicas, {middle.workers} workers and {middle.gbit:g} Gbit/s each",
        "hosts",
        _curves(_HOSTS, by_hosts, report),
    )
    _draw(
        directory / "scaling-replicas.svg",
        f"1 000 000 hosts; {large.workers} workers and {large.gbit:g} Gbit/s a replica",
        "replicas",
        _curves(_REPLICAS, by_replicas, report),
    )


def _curves(
    across: Sequence[int], scenarios: Sequence[Scenario], report: Path
) -> Iterator[tuple[str, Points]]:
    for title in _DRAWN:
        outcomes = (simulate(changed(each, WAYS[title]), report) for each in scenarios)
        yield title, [(x, outcome.last / 60) for x, outcome in zip(across, outcomes, strict=True)]


def _draw(output: Path, title: str, across: str, curves: Iterator[tuple[str, Points]]) -> None:
    script = _script(output, title, across, dict(curves))
    subprocess.run([found_program("gnuplot", profile="bench")], input=script.encode(), check=True)


def _script(output: Path, title: str, across: str, curves: Mapping[str, Points]) -> str:
    blocks = (
        "\n".join([f"$curve{number} << END", *(f"{x} {y:.6g}" for x, y in points), "END"])
        for number, points in enumerate(curves.values())
    )
    plotted = (
        f'$curve{number} with linespoints linewidth 2 title "{name}"'
        for number, name in enumerate(curves)
    )
    return _SCRIPT.format(
        output=output, title=title, across=across, data="\n".join(blocks), curves=", ".join(plotted)
    )
