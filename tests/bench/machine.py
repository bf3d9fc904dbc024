"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.backends.openssl.backend import backend

from tests.bench.network import congestion_control
from tests.bench.processes import Placement
from tests.bench.scale import Scale
from tests.running import found_program


def describe(scale: Scale, placement: Placement) -> dict[str, object]:
    """The machine and the programs; call it before anything runs, for the load it has then."""
    load = os.getloadavg()[0]
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "scale": scale.name,
        "cpu": _cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "cpus of servers": placement.servers or "any",
        "cpus of clients": placement.clients or "any",
        "memory GiB": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", ""),
        "congestion control": congestion_control(),
        "load before": round(load, 2),
        "idle": load < 0.3,
        "python": platform.python_version(),
        "twisted": version("Twisted"),
        "openssl of the service": backend.openssl_version_text(),
        "nginx": _nginx(r"nginx/(\S+)"),
        "openssl of nginx": _nginx(r"(?:running|built) with (OpenSSL \S+)"),
    }


class Steal:
    """CPU time that the hypervisor gave to others, from the beginning of this object."""

    def __init__(self) -> None:
        self._before = _cpu_times()

    @property
    def part(self) -> float:
        """Of all CPU time since."""
        spent = [now - before for now, before in zip(_cpu_times(), self._before, strict=True)]
        return spent[7] / max(sum(spent), 1)


def _cpu_times() -> Sequence[int]:
    """user, nice, system, idle, iowait, irq, softirq, steal (proc(5))."""
    first = Path("/proc/stat").read_text().splitlines()[0]
    return [int(value) for value in first.split()[1:9]]


def _cpu_model() -> str:
    text = Path("/proc/cpuinfo").read_text()
    found = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def _nginx(pattern: str) -> str:
    done = subprocess.run(
        [found_program("nginx"), "-V"], capture_output=True, text=True, check=True
    )
    found = re.search(pattern, done.stderr)
    return found[1] if found else ""
