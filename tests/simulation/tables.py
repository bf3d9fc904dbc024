"""The tables of docs/explanation/scaling.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tests.bench.figures import shown
from tests.simulation.scenario import Boot, Fetch, Image, Scenario
from tests.simulation.stages import Limit
from tests.simulation.storm import Outcome, simulate

INSTALLATIONS: Mapping[int, Scenario] = {
    100: Scenario(sites=1, hosts=100, replicas=1, workers=2, gbit=10),
    10_000: Scenario(sites=100, hosts=100, replicas=3, workers=4, gbit=25),
    1_000_000: Scenario(sites=10_000, hosts=100, replicas=10, workers=8, gbit=100),
}
"""What serves so many hosts in the tables."""

_EDGES = 20

WAYS: Mapping[str, Mapping[str, object]] = {
    "minimal ISO, virtual media": {},
    "minimal ISO, virtual media, CDN": {"cdn": _EDGES},
    "minimal ISO, virtual media, CDN, over an hour": {"cdn": _EDGES, "spread": 3600},
    "minimal ISO, HTTP boot": {"boot": Boot.HTTP},
    "minimal ISO, HTTP boot, CDN": {"boot": Boot.HTTP, "cdn": _EDGES},
    "full ISO, virtual media": {"image": Image.FULL},
    "full ISO, virtual media, TLS": {"image": Image.FULL, "tls": True},
    "full ISO, HTTP boot": {"image": Image.FULL, "boot": Boot.HTTP},
}
"""What is compared, as changes of an installation; the CDN has some edges."""

FETCHES: Mapping[str, Mapping[str, object]] = {
    "on disk": {"fetch": Fetch.PRESENT},
    "fetched whole": {"fetch": Fetch.WHOLE},
    "on demand": {"fetch": Fetch.ON_DEMAND},
}
"""Where the replicas have the image from."""

_OVE_MIB = 60 * 1024

SHARING: Mapping[str, Mapping[str, object]] = {
    "`CONFIG_SHARE_SECONDS=0`": {"share": 0},
    "60": {"share": 60},
    "60, `CONFIG_CACHE_URL`": {"share": 60, "cache": True},
    "600": {"share": 600},
    "600, `CONFIG_CACHE_URL`": {"share": 600, "cache": True},
}
"""How configurations are shared."""

_HEADS = (
    "", "p50", "p99", "all", "bottleneck", "CPU", "calls", "a range", "hosts at a replica",
    "replicas send", "origin sends",
)  # fmt: skip


def all_tables(report: Path) -> Iterator[str]:
    """
    Every table, in Markdown, as soon as it is there.

    @param report: of C{make bench}.
    """
    for hosts, installation in INSTALLATIONS.items():
        title = f"### {shown_count(hosts)} hosts\n\n{described(installation)}\n\n"
        yield title + head() + "".join(rows(installation, WAYS, report))
    yield "### Images that have to be fetched\n\n" + head() + "".join(fetching(report))
    yield "### Calls to assisted-service\n\n" + "".join(sharing(INSTALLATIONS, report))


def head() -> str:
    """The first two lines of a table of L{rows}."""
    return _line(_HEADS) + _line(["---", *["--:"] * 3, "---", *["--:"] * (len(_HEADS) - 5)])


def rows(
    installation: Scenario, ways: Mapping[str, Mapping[str, object]], report: Path
) -> Iterator[str]:
    """A line for each way; C{ways} has the changes of the installation by their titles."""
    for title, changes in ways.items():
        scenario = changed(installation, changes)
        yield row(title, scenario, simulate(scenario, report))


def changed(installation: Scenario, changes: Mapping[str, object]) -> Scenario:
    """The installation with some fields changed."""
    return replace(installation, **changes)  # type: ignore[arg-type]


def row(title: str, scenario: Scenario, outcome: Outcome) -> str:
    """What came of a scenario, as a line of a table."""
    limit, part = outcome.bottleneck
    busy = outcome.used.get(Limit.CPU, 0) / (scenario.replicas * scenario.workers)
    return _line(
        [
            title,
            *map(shown_time, (outcome.seconds(0.5), outcome.seconds(0.99), outcome.last)),
            f"{limit}, {part:.0%}",
            f"{busy / outcome.last:.0%}" if outcome.last else "-",
            shown_count(outcome.calls),
            shown_time(outcome.range_seconds) if outcome.range_seconds else "-",
            shown_count(outcome.crowd),
            shown_bytes(outcome.used.get(Limit.NETWORK, 0)),
            shown_bytes(outcome.used.get(Limit.ORIGIN, 0)),
        ]
    )


def described(scenario: Scenario) -> str:
    """Who serves whom, in a sentence."""
    return (
        f"Sites: {shown_count(scenario.sites)}, of {scenario.hosts} hosts each. Replicas:"
        f" {scenario.replicas}, with {scenario.workers} workers and {scenario.gbit:g} Gbit/s each."
    )


def fetching(report: Path) -> Iterator[str]:
    """A line for each way to have the image, and each of some storms."""
    for hosts in (100, 10_000):
        for size, mebibytes in {"": 1200, ", 60 GiB": _OVE_MIB}.items():
            installation = replace(INSTALLATIONS[hosts], boot=Boot.HTTP, full_mib=mebibytes)
            before = f"{shown_count(hosts)} hosts{size}"
            ways = {f"{before}, {title}": changes for title, changes in FETCHES.items()}
            yield from rows(installation, ways, report)


def sharing(installations: Mapping[int, Scenario], report: Path) -> Iterator[str]:
    """A table of calls to assisted-service, of hosts that boot over an hour; line by line."""
    yield _line(["shared", *(f"{shown_count(hosts)} hosts" for hosts in installations)])
    yield _line(["---", *["--:"] * len(installations)])
    for title, changes in SHARING.items():
        outcomes = [
            simulate(changed(each, {"cdn": _EDGES, "spread": 3600, **changes}), report)
            for each in installations.values()
        ]
        yield _line([title, *(shown_count(outcome.calls) for outcome in outcomes)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def shown_time(seconds: float) -> str:
    """A time in the unit that suits it."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{shown(seconds / size)} {unit}"
    return f"{shown(seconds)} s" if seconds >= 1 else f"{shown(seconds * 1000)} ms"


def shown_bytes(count: float) -> str:
    """An amount in the unit that suits it."""
    for exponent, unit in ((15, "PB"), (12, "TB"), (9, "GB"), (6, "MB")):
        if count >= 10**exponent:
            return f"{shown(count / 10**exponent)} {unit}"
    return f"{count:.0f}"


def shown_count(count: int) -> str:
    """A number with its thousands apart."""
    return f"{count:,}".replace(",", " ")
