"""
The sandbox that sessions are processes of: bwrap(1), bubblewrap, started as root.

Only the root file system is there; processes, IPC and names of the host are not; the network is the
host's.  Of root's capabilities those stay that installing packages takes.  What was seen to go
wrong:

  - without C{--cap-drop ALL} first, a bwrap that root starts keeps every capability;
  - bwrap is process 1 in there, and anybody in there reads its environment and its command line:
    that is empty, and this does not say where on the host the root is;
  - root may write to /proc/sys without any capability, and C{kernel.core_pattern} in there is a
    program that the host's kernel runs outside of all sandboxes: it has to be read-only;
  - bwrap ends before what is in there does: so it is in a process space itself, whose end is waited
    for (L{image_management.jobs.process_tree});
  - bwrap follows symbolic links, out of the root, when it makes what it mounts upon.  So these are
    directories before the first session begins (L{additions<image_management.jobs.ssh.additions>}),
    and cannot be replaced from within, being mounted upon; a file could be.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence

from image_management.jobs.process_tree import UNSHARE
from image_management.jobs.ssh.seccomp import seccomp_file

CAPABILITIES = (
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SYS_CHROOT",
    "AUDIT_WRITE",
)
"""What root can do in there: capabilities(7)."""

RESOLVER_DIRECTORY = "/run/image-management"
"""Where the host's resolv.conf is in there; the root's is a symbolic link to it meanwhile."""

_READ_ONLY = ("sys", "sysrq-trigger", "acpi", "fs", "scsi")
"""What of /proc is the host's and root could write to; of the rest bwrap takes care itself."""


def mount_points(*, dkms: bool) -> list[str]:
    """The directories of the root that something is mounted upon."""
    return ["dev", "proc", "run", *(["sys"] if dkms else [])]


def sandboxed(
    command: Sequence[str | bytes],
    directory: str,
    environment: Mapping[str, str],
    *,
    dkms: bool,
) -> list[str | bytes]:
    """
    The command line that runs C{command} in the sandbox of the root file system that it is started
    in (its working directory), with an empty environment.

    The shell in front of bwrap opens the filter of system calls for it, since a process on a
    terminal inherits no other files; and C{env -i} forgets what the shell put into the environment.

    @param directory: where in there it begins.
    @param environment: what it has in there.
    """
    arguments = ["--bind", ".", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run"]
    for name in _READ_ONLY:
        arguments += ["--ro-bind-try", f"/proc/{name}", f"/proc/{name}"]
    arguments += ["--ro-bind-try", "/etc/resolv.conf", f"{RESOLVER_DIRECTORY}/resolv.conf"]
    if dkms:
        arguments += ["--ro-bind", "/sys", "/sys"]
    arguments += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent"]
    arguments += ["--cap-drop", "ALL"]
    for capability in CAPABILITIES:
        arguments += ["--cap-add", f"CAP_{capability}"]
    for name, value in environment.items():
        arguments += ["--setenv", name, value]
    arguments += ["--chdir", directory, "--seccomp", "9", "--"]
    opening = 'exec env -i "$@" 9<"$0"'
    bwrap = shutil.which("bwrap") or "/usr/bin/bwrap"
    return ["/bin/sh", "-c", opening, seccomp_file(), *UNSHARE, bwrap, *arguments, *command]
