"""What is looked at when the clients have gone: memory, descriptors, slots, log and metrics."""

from __future__ import annotations

import http.client
import json
import os
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.bench.scale import MIB
from tests.bench.servers import Server
from tests.soak.exchange import Tally

RSS_BOUND = 24 * MIB
"""By how much a process's memory at the end may exceed that after the first quarter."""

_PREFIX = "assisted_image_service_"
_SETTLE_SECONDS = 60.0
_SETTLED_SECONDS = 5.0
"""So long nothing changes; more than assisted-service keeps an idle connection."""

_PAUSE_SECONDS = 0.5

_ERRORS = ("error", "critical")
_REFUSED = (501, 505)
"""With these, and an error in the log, nonsense is answered that claims to be another HTTP."""

_NOT_COUNTED = ("pages", "nonsense", "leaving")
"""Kinds whose requests the metrics have not, or need not have."""

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_UNCOUNTED_BYTES = MIB
"""What answers to nonsense, some hundred bytes each, may add to what was promised."""


@dataclass(frozen=True, slots=True)
class Look:
    """
    The service's processes at one moment.

    @ivar memory: resident bytes, by process.
    @ivar descriptors: how many there are of each name, by process.
    """

    memory: Mapping[int, int]
    descriptors: Mapping[int, Counter[str]]

    @classmethod
    def at(cls, server: Server) -> Look:
        """As they are now."""
        pids = server.process.family()
        return cls({pid: _memory(pid) for pid in pids}, {pid: _descriptors(pid) for pid in pids})


def quiet(server: Server) -> tuple[Look, list[str]]:
    """
    Wait until the service without clients has settled.

    It takes time: that a client has left is noticed when something is next written to it, and
    assisted-service closes what is idle.

    @return: how it is then, and what of it is still in use when there was time enough.
    """
    end = time.monotonic() + _SETTLE_SECONDS
    look, since = Look.at(server), time.monotonic()
    while time.monotonic() < end:
        in_use = busy(metrics_of(server))
        time.sleep(_PAUSE_SECONDS)
        now = Look.at(server)
        if in_use or descriptors_changed(look, now):
            since = time.monotonic()
        look = now
        if time.monotonic() > since + _SETTLED_SECONDS:
            break
    return look, busy(metrics_of(server))


def metrics_of(server: Server) -> dict[str, float]:
    """Every metric of the service by its name, without the prefix; the sum over its labels."""
    connection = http.client.HTTPConnection("127.0.0.1", server.ports["http"], timeout=60)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    sums: defaultdict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[sample.name.removeprefix(_PREFIX)] += sample.value
    return sums


def busy(metrics: Mapping[str, float]) -> list[str]:
    """What of the service is still in use; the connection that asked is not."""
    idle = {
        "downloads_in_flight": 0,
        "downloads_waiting": 0,
        "connections": 1,
        "http_requests_inflight": 0,
    }
    return [
        f"{name} is {metrics[name]:g} in place of {value}"
        for name, value in idle.items()
        if metrics[name] != value
    ]


def descriptors_changed(before: Look, after: Look) -> list[str]:
    """Which processes and descriptors have come or gone."""
    if before.descriptors.keys() != after.descriptors.keys():
        processes = sorted(before.descriptors), sorted(after.descriptors)
        return [f"the processes are {processes[1]}, and were {processes[0]}"]
    return [
        f"process {pid} has {counts[name]} of {name}, and had {earlier[name]}"
        for pid, counts in after.descriptors.items()
        for earlier in [before.descriptors[pid]]
        for name in sorted(counts.keys() | earlier.keys())
        if counts[name] != earlier[name]
    ]


def memory_grown(quarter: Look, end: Look) -> list[str]:
    """Which processes have grown beyond the bound since the first quarter."""
    return [
        f"process {pid} has {memory / MIB:.0f} MiB, and had {quarter.memory[pid] / MIB:.0f}"
        f" after the first quarter; more than {RSS_BOUND / MIB:.0f} MiB above that"
        for pid, memory in end.memory.items()
        if pid in quarter.memory and memory > quarter.memory[pid] + RSS_BOUND
    ]


def errors_in(log: Iterable[str]) -> Iterator[str]:
    """The lines that tell of a fault of the service."""
    for line in log:
        try:
            entry = dict(json.loads(line))
        except (TypeError, ValueError):  # a line that is none of the log's
            entry = {}
        expected = entry.get("status") in _REFUSED
        if (entry.get("level") in _ERRORS and not expected) or "Traceback" in line:
            yield f"in the log: {line.strip()[:400]}"


def sums_wrong(before: Mapping[str, float], after: Mapping[str, float], tally: Tally) -> list[str]:
    """Where the metrics and the clients do not tell the same story."""
    sent = after["sent_bytes_total"] - before["sent_bytes_total"]
    requests = "http_request_duration_seconds_count"
    counted = after[requests] - before[requests]
    wrong = []
    if not tally.checked <= sent <= tally.promised + _UNCOUNTED_BYTES:
        bounds = f"{tally.checked} that came and {tally.promised} that were promised"
        wrong.append(f"sent_bytes_total has grown by {sent:.0f}, not between {bounds}")
    answered = sum(n for kind, n in tally.requests.items() if kind not in _NOT_COUNTED)
    if counted < answered:
        wrong.append(f"{counted:.0f} requests were counted, and {answered} were answered")
    return wrong + [
        f"{name} has grown by {after[name] - before[name]:.0f}"
        for name in ("stalled_clients_total", "connections_refused_total")
        if after[name] != before[name]
    ]


def _memory(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES


def _descriptors(pid: int) -> Counter[str]:
    """Named as proc(5) has them, without the number of a socket or a pipe."""
    names: Counter[str] = Counter()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            names[re.sub(r"(?<=:)\[\d+\]$", "", str(file.readlink())).rstrip(":")] += 1
    return names
