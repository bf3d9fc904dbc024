"""What requests cost, as C{make bench} has measured it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.cases.first_byte import FirstByte
from tests.bench.cases.ranges import Ranges
from tests.bench.cases.streams import Streams
from tests.bench.scale import GIB
from tests.simulation.scenario import Image

MEASURED = Path(__file__).with_name("measured.json")
"""Rows of a report of C{make bench}, on the machine of docs/explanation/performance.md."""

_BUSY = 16
"""Clients of the rows that are taken: enough to keep a worker busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """
    CPU seconds of a worker.

    @ivar range: for a range of 64 KiB.
    @ivar byte: for each byte of a stream.
    @ivar configuration: for a configuration that has to be fetched from assisted-service.
    """

    range: float
    byte: float
    configuration: float


def read_costs(report: Path, *, tls: bool, image: Image) -> Costs:
    """
    The costs in a report of the benchmark (C{results.json}).

    @raise ValueError: it is none, or lacks a row; the text says which.
    """
    rows = _rows(report)
    return Costs(
        range=1 / _median(rows, Ranges(_BUSY, tls).title, "requests", report),
        byte=_median(rows, Streams(_BUSY, tls).title, "CPU", report) / GIB,
        configuration=_median(rows, FirstByte(image).title, "p50 beyond AS's own", report) / 1000,
    )


def _rows(report: Path) -> Mapping[tuple[str, str], Any]:
    try:
        rows = json.loads(report.read_text("utf-8"))["rows"]
        return {(row["case"], row["figure"]): row["ours"] for row in rows}
    except OSError as error:
        raise ValueError(f"{report}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{report} is no report; expected results.json of make bench") from None


def _median(rows: Mapping[tuple[str, str], Any], case: str, figure: str, report: Path) -> float:
    ours = rows.get((case, figure))
    if not ours or not ours["median"] > 0:
        raise ValueError(f"{report} has no figure for {case!r}, {figure!r}; expected a full report")
    return float(ours["median"])
