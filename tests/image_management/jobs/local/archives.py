"""Recipes and root file systems to work on."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tests.running import found_program

KERNEL, INITRD, PARAMETERS = b"a kernel", b"an initrd", b"console=ttyS0"


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """A compressed archive with these files."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o755 if name.endswith(".sh") else 0o644
            tar.addfile(member, io.BytesIO(content))
    return data.getvalue()


def busybox_root(root: Path) -> Path:
    """A root file system of busybox, with a kernel to boot."""
    for name in ("bin", "etc", "root", "boot", "tmp"):
        (root / name).mkdir(parents=True)
    shutil.copy(found_program("busybox"), root / "bin/busybox")
    for applet in ("sh", "cat", "ls", "touch", "sleep", "test", "wget"):
        (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "boot/vmlinuz-1").write_bytes(KERNEL)
    (root / "boot/vmlinuz").symlink_to("/boot/vmlinuz-1")
    (root / "boot/initrd").write_bytes(INITRD)
    (root / "boot/kernel-parameters").write_bytes(PARAMETERS)
    return root


def squashfs_of(root: Path) -> bytes:
    """A root file system as images have it."""
    packed = root.with_suffix(".sqsh")
    command = [found_program("mksquashfs"), str(root), str(packed), "-comp", "zstd", "-quiet"]
    subprocess.run([*command, "-no-progress"], check=True, capture_output=True)
    return packed.read_bytes()


def unpacked(data: bytes, target: Path) -> Path:
    """The root file system that an image holds."""
    packed = target.with_suffix(".sqsh")
    packed.write_bytes(data)
    command = [
        found_program("unsquashfs"),
        "-no-progress",
        "-quiet",
        "-dest",
        str(target),
        str(packed),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return target
