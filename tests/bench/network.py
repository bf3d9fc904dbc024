"""
A loopback of the benchmark's own, as Linux comes; and a slow line in it.

What a machine is set to decides what is measured there.  BBR, for one, sends at a pace that it
guesses: one fast stream on the loopback of a virtual machine took from 0.08 to 0.8 s/GiB by it,
nginx's and ours, most of it for the kernel's timers.
"""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.bench.processes import run

_CLONE_NEWNET = 0x40000000
"""linux/sched.h, unshare(2)."""

_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
"""linux/sockios.h, netdevice(7)."""

_CONGESTION_CONTROL = Path("/proc/sys/net/ipv4/tcp_congestion_control")

_BURST_BYTES = 200_000
"""Sent at once; a packet has up to 64 KiB here."""

_UNPACED = ("cubic", "reno")
"""
Linux's own choice; and, where a machine allows its networks no other than BBR and Reno
(C{tcp_allowed_congestion_control}, tcp(7)), the one that without losses is the same.
"""


def enter_own_network() -> bool:
    """
    Give this process, and those that it will start, a network of their own without BBR.

    @return: whether that could be done: it needs C{CAP_SYS_ADMIN}.  The network is the machine's
        otherwise, as it is.
    """
    if ctypes.CDLL(None).unshare(_CLONE_NEWNET):
        return False
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
    choose_unpaced(_CONGESTION_CONTROL.write_text)
    return True


def choose_unpaced(choose: Callable[[str], object]) -> None:
    """
    Choose the first of C{cubic} and C{reno} that may be had; leave what there is where neither may.

    @param choose: raises C{OSError}: C{EPERM} for what a new network is not allowed, C{ENOENT} for
        what the kernel has not.
    """
    for name in _UNPACED:
        with suppress(OSError):
            choose(name)
            return


def congestion_control() -> str:
    """The kernel's algorithm that decides how fast is sent; for the report."""
    return _CONGESTION_CONTROL.read_text().strip()


@contextmanager
def slow_line(port: int, bits_per_second: int) -> Iterator[None]:
    """
    Send what comes from a port no faster than that, whatever connections it has, until the block
    ends.  Only in a network of this process's own.

    @raise BenchError: the kernel has no C{htb}.
    """
    burst = str(_BURST_BYTES)

    def run_tc(what: str, verb: str, *arguments: str) -> None:
        run(["tc", what, verb, "dev", "lo", *arguments])

    run_tc("qdisc", "add", "root", "handle", "1:", "htb")
    try:
        rate = ("rate", f"{bits_per_second}bit", "burst", burst, "cburst", burst, "quantum", burst)
        run_tc("class", "add", "parent", "1:", "classid", "1:1", "htb", *rate)
        match = ("u32", "match", "ip", "sport", str(port), "0xffff")
        run_tc("filter", "add", "parent", "1:", "protocol", "ip", *match, "flowid", "1:1")
        yield
    finally:
        run_tc("qdisc", "del", "root")
