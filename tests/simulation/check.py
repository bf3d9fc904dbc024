"""
A real storm on this machine, and the same one simulated.

The service has the first CPU for itself, the hosts have the others, as in C{make bench}.  What a
network would do, each host does: it pauses before each range.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from demo.service import ROOT
from tests.bench import images
from tests.bench.cases.first_byte import FirstByte
from tests.bench.cases.ranges import Ranges
from tests.bench.cases.streams import Streams
from tests.bench.figures import Series
from tests.bench.ground import Ground, prepared_ground
from tests.bench.network import enter_own_network
from tests.bench.processes import run_client
from tests.bench.report import as_json
from tests.bench.rows import Row
from tests.bench.scale import MIB, QUICK
from tests.bench.servers import Server, iso_path
from tests.simulation.scenario import Scenario
from tests.simulation.stages import Limit
from tests.simulation.storm import Outcome, simulate
from tests.simulation.tables import shown_time

_HOSTS = 60
_SPREAD = 5.0
_PAUSE = 0.005
_INITRD_BYTES = 80 * MIB
_SYSTEM_BYTES = 256 * MIB
_UNLIMITED_GBIT = 1e6
_TIMES = 3
"""How often each figure is measured."""

_PARTS = {"p50": 0.5, "p99": 0.99}


def checked(report: Path) -> str:
    """
    The table of both, in Markdown, with the simulation's error.

    @param report: of C{make bench}; what is simulated with it stands beside what is simulated with
        what the same requests cost just before.
    @raise ValueError: the report lacks something.
    @raise BenchError: it cannot be done here.
    """
    enter_own_network()
    parent = ROOT / "build/simulation"
    parent.mkdir(parents=True, exist_ok=True)
    base = partial(images.write_base_image, initrd_bytes=_INITRD_BYTES, system_bytes=_SYSTEM_BYTES)
    with (
        tempfile.TemporaryDirectory(dir=parent) as directory,
        prepared_ground(Path(directory), QUICK, base) as ground,
    ):
        images.bring_into_page_cache(ground.image)
        here = ground.new_path("results.json")
        here.write_text(json.dumps(as_json(list(_measured(ground)), {})))
        with ground.service(cpus=ground.placement.servers) as server:
            booted = _boot(server, ground)
        scenario = _scenario(booted)
        simulated = {
            "figures of make bench": simulate(scenario, report),
            "figures measured just before": simulate(scenario, here),
        }
    return _table(booted, simulated)


def _measured(ground: Ground) -> Iterator[Row]:
    """
    What the storm's requests cost, by the benchmark's own cases.

    A worker answers as many ranges as it can with a CPU for itself, whoever else wants it here.
    """
    ranges, streams = Ranges(16, tls=False), Streams(16, tls=False)
    with ground.service(cpus=ground.placement.servers) as server:
        answered = [ranges.measure(server, ground) for _ in range(_TIMES)]
        streamed = [streams.measure(server, ground) for _ in range(_TIMES)]
    rates = Series.of(sample.work / sample.cpu for sample in answered)
    yield Row(case=ranges.title, figure="requests", ours=rates)
    costs = Series.of(sample.cpu / sample.work for sample in streamed)
    yield Row(case=streams.title, figure="CPU", ours=costs)
    yield from FirstByte("minimal").run(ground)


def _boot(server: Server, ground: Ground) -> Any:
    """What real hosts have to say; and C{cpu}, the seconds that the service used for them."""
    task = {
        "server": server.at(tls=False),
        "hosts": _HOSTS,
        "spread": _SPREAD,
        "iso": iso_path("minimal"),
        "rootfs": f"/boot-artifacts/rootfs?version={images.version(0)}&arch={images.ARCHITECTURE}",
        "pause": _PAUSE,
        "sleep": not ground.placement.clients,
    }
    before = server.process.cpu_seconds()
    booted = run_client("boots", task, ground.placement.clients)
    return {**booted, "cpu": server.process.cpu_seconds() - before}


def _scenario(booted: Mapping[str, Any]) -> Scenario:
    """The same on paper."""
    return Scenario(
        hosts=_HOSTS,
        spread=_SPREAD,
        rtt_ms=_PAUSE * 1000,
        minimal_mib=booted["iso_bytes"] / MIB,
        rootfs_mib=booted["rootfs_bytes"] / MIB,
        gbit=_UNLIMITED_GBIT,
        site_gbit=_UNLIMITED_GBIT,
        host_gbit=_UNLIMITED_GBIT,
        bmc_mbit=_UNLIMITED_GBIT,
    )


def _table(booted: Mapping[str, Any], simulated: Mapping[str, Outcome]) -> str:
    seconds = Series.of(booted["seconds"])
    real = [*map(seconds.quantile, _PARTS.values()), booted["last"], booted["cpu"]]
    lines = [["", *_PARTS, "all", "CPU"], ["---", *["--:"] * 4], ["real", *map(shown_time, real)]]
    for title, outcome in simulated.items():
        times = [*map(outcome.seconds, _PARTS.values()), outcome.last, outcome.used[Limit.CPU]]
        cells = (f"{shown_time(s)} ({s / r - 1:+.0%})" for s, r in zip(times, real, strict=True))
        lines.append([f"simulated, {title}", *cells])
    size = (booted["iso_bytes"] / MIB, booted["rootfs_bytes"] / MIB)
    return (
        f"{_HOSTS} hosts, begun within {_SPREAD:g} s: a minimal ISO of {size[0]:.0f} MiB by ranges,"
        f" {_PAUSE * 1000:g} ms before each, and a root file system of {size[1]:.0f} MiB.\n\n"
        + "".join(f"| {' | '.join(line)} |\n" for line in lines)
    )
