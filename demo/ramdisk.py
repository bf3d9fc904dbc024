"""
The initial ramdisk of the sample image: a static busybox and an C{init} that shows on the serial
console and on the screen what reached the machine, then powers it off.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from assisted_images.rootfs.cpio import archive

_DIRECTORY = 0o040755
_PROGRAM = 0o100755
_FILE = 0o100600

_INIT = b"""\
#!/bin/busybox sh
busybox() { /bin/busybox "$@"; }
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs dev /dev

ignition_config() {
    if [ ! -e /config.ign ]; then
        echo none
    elif [ "$(busybox stat -c %s /config.ign)" -gt 4096 ]; then
        echo "$(busybox stat -c %s /config.ign) bytes, sha256 $(busybox sha256sum </config.ign)"
    else
        busybox cat /config.ign
    fi
}

rootfs_url() {
    for argument in $(busybox cat /proc/cmdline); do
        case $argument in
            coreos.live.rootfs_url=*) echo "${argument#*=}" | busybox tr -d '"' ;;
            root=live:*) echo "${argument#root=live:}" ;;
        esac
    done
}

# The address is the one that QEMU's user-mode network has for its guest.
connect() {
    for driver in /drivers/*; do
        busybox insmod "$driver"
    done
    busybox ip link set eth0 up
    busybox ip address add 10.0.2.15/24 dev eth0
    until [ "$(busybox cat /sys/class/net/eth0/carrier)" = 1 ]; do
        busybox usleep 20000
    done
}

report() {
    echo
    echo "KERNEL ARGUMENTS: $(busybox cat /proc/cmdline)"
    echo "FIRMWARE: $([ -d /sys/firmware/efi ] && echo UEFI || echo BIOS)"
    echo "IGNITION CONFIG /config.ign: $(ignition_config)"
    for file in $(busybox find /etc -type f 2>/dev/null); do
        echo "RAMDISK FILE $file: $(busybox cat "$file")"
    done
    if [ -e /usr/bin/nmstatectl ]; then
        echo "NMSTATECTL: $(/usr/bin/nmstatectl --version 2>&1)"
    fi
    url=$(rootfs_url)
    if [ -n "$url" ] && [ -d /drivers ]; then
        connect
        echo "ROOTFS: sha256 $(busybox wget -q -O - "$url" | busybox sha256sum)"
    fi
    echo "END OF REPORT"
}

report 2>&1 | busybox tee /dev/tty0 >/dev/ttyS0
busybox poweroff -f
"""


def initial_ramdisk(busybox: bytes, drivers: Sequence[bytes] = ()) -> bytes:
    """
    The gzipped cpio that the machine starts from, padded so that other archives can follow it.

    @param busybox: a statically linked busybox.
    @param drivers: kernel modules for a network card, in the order to load them in; with them the
        machine fetches its root file system from where its kernel arguments say.
    """
    empty = [archive(name, b"", _DIRECTORY) for name in ("dev", "proc", "sys", "usr", "usr/bin")]
    modules = {f"drivers/{number:02}.ko": driver for number, driver in enumerate(drivers)}
    programs = _members({"bin/busybox": busybox, "init": _INIT}, _PROGRAM)
    return _compressed(b"".join(empty) + programs + _members(modules, _FILE))


def compressed_ramdisk(files: Mapping[str, bytes]) -> bytes:
    """A gzipped cpio with static network files, as assisted-service makes it for an infra-env."""
    return _compressed(_members(files, _FILE))


def _members(files: Mapping[str, bytes], mode: int) -> bytes:
    """
    The files after the directories that they are in, which the kernel does not make by itself.

    It does unpack any number of archives behind one another, so each is one of its own.
    """
    parents = dict.fromkeys(
        str(parent) for path in files for parent in reversed(PurePosixPath(path).parents[:-1])
    )
    members = [archive(parent, b"", _DIRECTORY) for parent in parents]
    members += [archive(path, content, mode) for path, content in files.items()]
    return b"".join(members)


def _compressed(archives: bytes) -> bytes:
    """Gzipped, with zeros up to a multiple of 4 bytes, where the next archive may begin."""
    compressed = gzip.compress(archives, mtime=0)
    return compressed + bytes(-len(compressed) % 4)
