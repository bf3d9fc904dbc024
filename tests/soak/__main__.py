"""
Minutes of mixed load, and whether the service was as it should be: C{make soak}, or
C{python -m tests.soak --help}.

Half of the time goes to one worker and half to two.  Ends with status 0 when everything was right;
else with 1, and says what was wrong.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from demo.service import ROOT
from tests.bench.processes import BenchError
from tests.bench.servers import Server, wait_until_healthy
from tests.soak import report
from tests.soak.checks import (
    Look,
    descriptors_changed,
    errors_in,
    memory_grown,
    metrics_of,
    quiet,
    sums_wrong,
)
from tests.soak.exchange import Fault
from tests.soak.ground import prepared_ground
from tests.soak.load import Load, references_of
from tests.soak.references import Reference
from tests.soak.report import Half

_WORKERS = (1, 2)
_WARM_UP = 0.1
"""The part of the time before the service is looked at for the first time; load like the rest."""


def main(arguments: Sequence[str]) -> int:
    """
    Run, and print what came of it.

    @return: the exit status.
    """
    options = _options(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    print(f"seed {options.seed}, {options.clients} clients, {options.seconds:g} s", flush=True)
    with tempfile.TemporaryDirectory(dir=options.output, prefix="run-") as name:
        try:
            halves = _run(Path(name), options)
        except (AssertionError, BenchError, Fault, OSError) as error:
            print(f"failed: {error}")
            return 1
    text = report.text(halves)
    print(text, end="")
    (options.output / "results.md").write_text(text)
    faults = sum(len(half.faults) for half in halves)
    print(f"{faults} faults, with seed {options.seed}" if faults else "clean")
    return int(faults > 0)


def _run(directory: Path, options: argparse.Namespace) -> list[Half]:
    """One service after the other, with the same files; what the first served the second has to."""
    halves: list[Half] = []
    references: list[Reference] = []
    with prepared_ground(directory) as ground:
        for workers in _WORKERS:
            with ground.service(workers) as server:
                references = references or references_of(server, ground, directory)
                try:
                    half = _under_load(server, references, workers, options)
                except OSError:
                    wait_until_healthy(server)  # says how it has ended, if it has
                    raise
            with server.process.log.open(errors="replace") as log:  # whole only now
                halves.append(replace(half, faults=[*half.faults, *errors_in(log)]))
    return halves


def _under_load(
    server: Server, references: Sequence[Reference], workers: int, options: argparse.Namespace
) -> Half:
    seconds, seed = options.seconds / len(_WORKERS), f"{options.seed} {workers}"
    print(f"WORKERS={workers}: {seconds:g} s, {len(references)} products", flush=True)
    warming = Load(server, references, f"{seed} warm-up", options.clients)
    time.sleep(seconds * _WARM_UP)
    faults = warming.stop().faults
    beginning, in_use = quiet(server)
    faults += [f"after the warm-up {what}" for what in in_use]
    metrics, started = metrics_of(server), time.monotonic()
    load = Load(server, references, seed, options.clients)
    looks = [("beginning", beginning)]
    for moment, part in (("first quarter", 0.25), ("middle", 0.5), ("end, under load", 1)):
        time.sleep(max(0, started + part * seconds * (1 - _WARM_UP) - time.monotonic()))
        looks.append((moment, Look.at(server)))
    tally = load.stop()
    took = time.monotonic() - started
    end, in_use = quiet(server)
    looks.append(("end, all gone", end))
    after = metrics_of(server)
    faults += [
        *tally.faults,
        *(f"when all clients had gone {what}" for what in in_use),
        *descriptors_changed(beginning, end),
        *memory_grown(looks[1][1], end),
        *sums_wrong(metrics, after, tally),
    ]
    sent = after["sent_bytes_total"] - metrics["sent_bytes_total"]
    return Half(workers, took, tally, looks, sent, faults)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description="Load the service, and check every byte."
    )
    parser.add_argument("--seconds", type=float, default=600, help="of load, in all")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--output", type=Path, default=ROOT / "build/soak", metavar="DIRECTORY")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))  # and end all that was begun
    sys.exit(main(sys.argv[1:]))
