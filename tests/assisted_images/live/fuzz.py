"""
C{python -m tests.assisted_images.live.fuzz SECONDS}: as many hostile images as fit into the time.

What is tried is L{tests.assisted_images.live.hostile}'s.  With atheris, coverage of the readers'
code leads the way; without it, which has no wheels for some platforms, chance does.  Ends with
status 1 at the first case that goes wrong, and with how many cases ran.
"""

from __future__ import annotations

import importlib
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.properties import given, settings

_MEMORY = 4_000_000_000
_SECONDS_A_CASE = 20
_LONGEST_INPUT = 4096


def main(seconds: int) -> None:
    """Run for that time, and never with more than 4 GB of memory."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    atheris = _atheris()
    if atheris is None:
        print("without atheris: random cases")
        one = _one_case(None)
        ends = time.monotonic() + seconds
        source = random.Random()
        while time.monotonic() < ends:
            one(source.randbytes(source.randrange(_LONGEST_INPUT)))
        _report()
        return
    with atheris.instrument_imports(include=["assisted_images"]):
        one = _one_case(atheris)
    options = [
        *(f"-max_total_time={seconds}", f"-timeout={_SECONDS_A_CASE}"),
        *(
            f"-max_len={_LONGEST_INPUT}",
            "-rss_limit_mb=2000",
            "-len_control=0",
            "-print_final_stats=1",
        ),
    ]
    atheris.Setup([sys.argv[0], *options], one)
    # libFuzzer ends the process itself.
    atheris.Fuzz()


def _atheris() -> Any:
    try:
        return importlib.import_module("atheris")
    except ImportError:
        return None


_RAN: Counter[str] = Counter()


def _report() -> None:
    print(f"{sum(_RAN.values())} cases: {dict(_RAN)}", flush=True)


def _one_case(atheris: Any) -> Callable[[bytes], object]:
    """Runs the case that a sequence of bytes stands for."""
    # Here, so that atheris gets to see the modules while they are imported.
    from tests.assisted_images.live import hostile  # noqa: PLC0415

    hostile.iso_seeds()
    hostile.rootfs_seeds()

    @settings(database=None)
    @given(st.data())
    def case(data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(hostile.CASES))
        _RAN[chosen.__name__] += 1
        if sum(_RAN.values()) % 2000 == 0:
            _report()
        chosen(data)

    run: Callable[[bytes], object] = case.hypothesis.fuzz_one_input  # type: ignore[attr-defined]
    return run


if __name__ == "__main__":
    main(int(sys.argv[1]))
