"""The metrics of all workers in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from assisted_images.workers.messages import Family

_Key = tuple[str, tuple[tuple[str, str], ...]]
"""A sample's name and labels."""

_BEGINNINGS = ("_created", "_start_time_seconds")
"""What names of moments end with."""


def families(metrics: Iterable[Metric]) -> tuple[Family, ...]:
    """The metrics as they are sent."""
    return tuple(
        Family(
            metric.name,
            metric.type,
            metric.documentation,
            [(sample.name, dict(sample.labels), sample.value) for sample in metric.samples],
        )
        for metric in metrics
    )


@dataclass(frozen=True, slots=True)
class _Sum:
    kind: str
    documentation: str
    values: dict[_Key, float] = field(default_factory=dict)

    def add(self, name: str, labels: dict[str, str], value: float) -> None:
        key = (name, tuple(sorted(labels.items())))
        before = self.values.get(key)
        if before is None:
            self.values[key] = value
        elif name.endswith(_BEGINNINGS):
            # When the first of them began.
            self.values[key] = min(before, value)
        else:
            self.values[key] = before + value


class Totals:
    """
    Sums of what workers have counted.

    What a worker that has ended counted goes on being a part of the sums, as far as it was known:
    a counter never goes back.
    """

    def __init__(self) -> None:
        self._last: dict[int, tuple[Family, ...]] = {}
        self._ended: dict[str, _Sum] = {}

    def note(self, worker: int, counts: tuple[Family, ...]) -> None:
        """Take what a worker has counted so far, in place of what it had before."""
        self._last[worker] = counts

    def end(self, worker: int) -> None:
        """Keep what a worker has counted; what it has now (gauges) is no more."""
        counts = self._last.pop(worker, ())
        _add(self._ended, [family for family in counts if family.kind != "gauge"])

    def with_own(self, own: Iterable[Metric]) -> Iterator[Metric]:
        """The sums of all workers and of this one."""
        sums: dict[str, _Sum] = {}
        _add(sums, families(own))
        for counts in self._last.values():
            _add(sums, counts)
        for name, ended in self._ended.items():
            total = sums.setdefault(name, _Sum(ended.kind, ended.documentation))
            for (sample, labels), value in ended.values.items():
                total.add(sample, dict(labels), value)
        for name, total in sums.items():
            metric = Metric(name, total.documentation, total.kind)
            for (sample, labels), value in total.values.items():
                metric.add_sample(sample, dict(labels), value)
            yield metric


def _add(sums: dict[str, _Sum], counts: Iterable[Family]) -> None:
    for family in counts:
        total = sums.setdefault(family.name, _Sum(family.kind, family.documentation))
        for name, labels, value in family.samples:
            total.add(name, labels, value)


class Collected(Collector):
    """Metrics that have been collected already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = tuple(metrics)

    def collect(self) -> Iterable[Metric]:
        """The same."""
        return self._metrics
