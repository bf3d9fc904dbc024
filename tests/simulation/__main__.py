"""
The simulation: C{make simulate}, or C{python -m tests.simulation --help}.

Without a scenario it prints the tables of docs/explanation/scaling.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.bench.processes import BenchError
from tests.simulation.check import checked
from tests.simulation.measured import MEASURED
from tests.simulation.plots import draw_all
from tests.simulation.scenario import Scenario, flags
from tests.simulation.storm import simulate
from tests.simulation.tables import all_tables, described, head, row


def main(arguments: Sequence[str]) -> None:
    """Simulate and print; what is wrong with the arguments ends it with status 2, and why."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    fields = {name: kind(options[name]) for name, (kind, _) in flags().items() if name in options}
    if fields and (options["check"] or options["plots"]):
        parser.error("--check and --plots have their own scenarios; expected no other one")
    try:
        for text in _done(fields, **options):
            print(text, flush=True)
    except ValueError as error:
        parser.error(str(error))
    except BenchError as error:
        sys.exit(f"the check cannot be done: {error}")


def _done(
    fields: Mapping[str, Any], *, bench: Path, check: bool, plots: Path | None, **_: object
) -> Iterator[str]:
    """Do what is wanted; what there is to say."""
    if check:
        yield checked(bench)
    elif plots:
        draw_all(plots, bench)
    elif fields:
        scenario = Scenario(**fields)
        outcome = simulate(scenario, bench)
        yield f"{described(scenario)}\n\n{head()}{row('', scenario, outcome)}"
    else:
        yield from all_tables(bench)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        usage="%(prog)s [--bench FILE] [--check | --plots DIRECTORY | a scenario]",
        description="How long a storm of boots takes; alone: docs/explanation/scaling.md's tables.",
    )
    parser.add_argument(
        "--bench", type=Path, default=MEASURED, metavar="FILE",
        help="results.json of make bench; by default docs/explanation/performance.md's",
    )  # fmt: skip
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="boot real clients, and compare")
    what.add_argument(
        "--plots", type=Path, metavar="DIRECTORY", help="draw docs/explanation/scaling.md's"
    )
    scenario = parser.add_argument_group("scenario")
    for name, (kind, flag) in flags().items():
        default = Scenario.__dataclass_fields__[name].default
        scenario.add_argument(
            f"--{name.replace('_', '-')}",
            default=argparse.SUPPRESS,
            help=flag.text if kind is bool else f"{flag.text} ({default})",
            **_taking(kind),
        )
    return parser


def _taking(kind: type) -> dict[str, Any]:
    """How argparse reads a field of this type."""
    if kind is bool:
        return {"action": "store_true"}
    if issubclass(kind, StrEnum):
        return {"choices": list(map(str, kind))}
    return {"type": kind, "metavar": "N"}


if __name__ == "__main__":
    main(sys.argv[1:])
