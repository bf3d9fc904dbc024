"""How large everything is: the benchmark itself, or just enough to see that it works."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Sizes, counts and times of a run."""

    name: str
    pairs: int
    """How often each case runs against nginx and against ours, at least."""

    pairs_seconds: float
    """As long as all its pairs take less than that, there are more of them."""

    repetitions: int
    """How often a case runs that has no equal in nginx."""

    image_bytes: int
    stream_bytes: int
    """How much each of several streams over TLS takes; all of the image would take minutes."""

    range_seconds: int
    first_bytes: int
    """Requests, for a time to the first byte."""

    throttled: int
    """Downloads at once."""

    throttled_seconds: float
    slow: int
    """Clients that hang on."""

    images: int
    """On disk at a start."""

    origin_image_bytes: int
    seconds: int
    """After so long no other case begins."""

    grace: int = 40
    """Seconds after that in which the last one has to end."""


FULL = Scale(
    name="full",
    pairs=5,
    pairs_seconds=20,
    repetitions=3,
    image_bytes=GIB,
    stream_bytes=256 * MIB,
    range_seconds=2,
    first_bytes=500,
    throttled=400,
    throttled_seconds=10,
    slow=1000,
    images=40,
    origin_image_bytes=1229 * MIB,
    seconds=555,
)

QUICK = Scale(
    name="quick",
    pairs=2,
    pairs_seconds=0,
    repetitions=1,
    image_bytes=256 * MIB,
    stream_bytes=32 * MIB,
    range_seconds=1,
    first_bytes=100,
    throttled=100,
    throttled_seconds=2,
    slow=100,
    images=10,
    origin_image_bytes=256 * MIB,
    seconds=240,
)
