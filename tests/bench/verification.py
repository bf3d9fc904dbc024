"""
Whether both servers serve what they should, before it is measured how fast they do.

The clients of the benchmark do not look at what they get; here curl gets it, and it is looked at.
"""

from __future__ import annotations

from pathlib import Path

from tests.bench.ground import Ground
from tests.bench.processes import BenchError, run
from tests.bench.servers import Server


def verify(server: Server, ground: Ground, *, customised: bool) -> None:
    """
    Download the image over both listeners.

    @param customised: whether there has to be an Ignition config in it.
    @raise BenchError: they differ, or are not the image.
    """
    over_both = []
    for tls in (False, True):
        target = ground.new_path("verification")
        run(
            [
                "curl", "--silent", "--fail", "--tlsv1.3", "--cacert", str(server.authority),
                "--output", str(target), server.url(tls=tls),
            ]
        )  # fmt: skip
        over_both.append(target)
    plain, encrypted = over_both
    _compare(server, ground.image, plain, same=not customised)
    _compare(server, plain, encrypted, same=True)
    for target in over_both:
        target.unlink()


def _compare(server: Server, expected: Path, found: Path, *, same: bool) -> None:
    sizes = [path.stat().st_size for path in (expected, found)]
    if sizes[0] != sizes[1]:
        raise BenchError(f"{server.name} sent {sizes[1]} bytes; expected {sizes[0]}")
    if _equal(expected, found) != same:
        raise BenchError(
            f"{server.name} sent other bytes than expected"
            if same
            else f"{server.name} sent the image without a configuration in it"
        )


def _equal(one: Path, other: Path) -> bool:
    with one.open("rb") as first, other.open("rb") as second:
        while piece := first.read(1 << 20):
            if piece != second.read(len(piece)):
                return False
    return True
