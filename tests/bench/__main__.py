"""
The benchmark: C{make bench}, or C{python -m tests.bench --help}.

Prints the table of docs/explanation/performance.md, and writes it, with all that was measured, into
build/bench: C{results.md}, C{results.json} and C{results.png}.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NoReturn

from demo.service import ROOT
from tests.bench import images, report
from tests.bench.cases.alone import Case
from tests.bench.cases.cold import Cold
from tests.bench.cases.crowds import Beside, Throttled
from tests.bench.cases.first_byte import FirstByte
from tests.bench.cases.on_demand import FirstDownload, Ready, Warm
from tests.bench.cases.ranges import Ranges
from tests.bench.cases.starts import FirstStart, Restart
from tests.bench.cases.streams import Streams
from tests.bench.cases.workers import Workers
from tests.bench.ground import Ground, prepared_ground
from tests.bench.machine import Steal, describe
from tests.bench.network import enter_own_network
from tests.bench.pairs import Comparison, compare
from tests.bench.plot import draw
from tests.bench.processes import BenchError, Placement
from tests.bench.rows import Row
from tests.bench.scale import FULL, QUICK
from tests.bench.verification import verify

COMPARISONS: Sequence[Comparison] = (
    *(Streams(count, tls) for tls in (False, True) for count in (1, 16)),
    Streams(1, tls=False, busy=True),
    *(Ranges(clients, tls) for tls in (False, True) for clients in (1, 16)),
)

CASES: Sequence[Case] = (
    FirstByte("full"),
    FirstByte("minimal"),
    *(Throttled(tls) for tls in (False, True)),
    *(Beside(tls) for tls in (False, True)),
    Restart(),
    FirstStart(),
    *(Cold(tls) for tls in (False, True)),
    Workers(),
    Ready(),
    FirstDownload(),
    Warm(),
)


def main(arguments: Sequence[str]) -> int:
    """
    Measure, print and write.

    @return: the exit status: 0 when every case ran, whatever came of it.
    """
    options = _options(arguments)
    output: Path = options.output
    output.mkdir(parents=True, exist_ok=True)
    own_network = enter_own_network()
    if not own_network:
        _say("Not root, so without a network of its own: this one's settings are measured, too.")
    scale = QUICK if options.quick else FULL
    machine = describe(scale, Placement.of_this_machine())
    if not machine["idle"]:
        _say(f"This machine is not idle (load {machine['load before']}): what follows is no proof.")
    _end_after(scale.seconds + scale.grace)
    steal, started = Steal(), time.monotonic()
    end = started + scale.seconds
    with (
        tempfile.TemporaryDirectory(dir=output, prefix="run-") as directory,
        prepared_ground(Path(directory), scale, own_network=own_network) as ground,
    ):
        rows = list(_measured(ground, options.only, end))
    machine["CPU stolen"] = round(steal.part, 4)
    machine["seconds"] = round(time.monotonic() - started)
    _write(rows, machine, output)
    return int(any(row.note.startswith("failed") for row in rows))


def _measured(ground: Ground, only: str, end: float) -> Iterator[Row]:
    """All rows, as far as their titles contain C{only} and there is time for them."""
    images.bring_into_page_cache(ground.image)
    compared = [case for case in COMPARISONS if only in case.title]
    if compared:
        yield from _compared(compared, ground, end)
    for case in CASES:
        if only in case.title:
            yield from _tried(case.title, partial(case.run, ground), end)


def _compared(cases: Sequence[Comparison], ground: Ground, end: float) -> Iterator[Row]:
    with ExitStack() as stack:
        nginx = ground.nginx(stack)
        ours = stack.enter_context(ground.service(cpus=ground.placement.servers))
        verify(nginx, ground, customised=False)
        verify(ours, ground, customised=True)
        for case in cases:
            yield from _tried(case.title, partial(compare, case, nginx, ours, ground), end)


def _tried(title: str, run: Callable[[], Sequence[Row]], end: float) -> Sequence[Row]:
    """A case's rows; where there are none, one that says why."""
    if time.monotonic() > end:
        return [Row(case=title, figure="", note="no time left")]
    _say(f"{title} …")
    try:
        return run()
    except BenchError as error:
        _say(str(error))
        return [Row(case=title, figure="", note=f"failed: {str(error).splitlines()[0]}")]


def _write(rows: Sequence[Row], machine: Mapping[str, object], output: Path) -> None:
    table = report.table(rows)
    description = "".join(f"- {name}: {value}\n" for name, value in machine.items())
    print(f"\n{table}\n{description}", end="")
    (output / "results.md").write_text(f"{table}\n{description}")
    results = json.dumps(report.as_json(rows, machine), indent=2)
    (output / "results.json").write_text(f"{results}\n")
    draw(rows, machine, output / "results.png")
    _say(f"written: {output}/results.md, results.json, results.png")


def _end_after(seconds: int) -> None:
    """See to it that a case that is still running then fails."""

    def too_late(signal_number: int, frame: object) -> NoReturn:
        raise BenchError("no time left")

    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(seconds)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Compare the service with nginx."
    )
    parser.add_argument("--quick", action="store_true", help="see that it works; proves nothing")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases with this in their title")
    parser.add_argument("--output", type=Path, default=ROOT / "build/bench", metavar="DIRECTORY")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))  # and end all that was begun
    sys.exit(main(sys.argv[1:]))
