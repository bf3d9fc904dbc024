"""OS images of any size, with everything in them that the service looks for."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from assisted_images.rootfs.cpio import archive
from demo.sample_image import VOLUME_ID, write_image
from demo.tree import Ingredients, image_tree
from tests.bench.processes import BenchError, run
from tests.bench.scale import MIB

ARCHITECTURE = "x86_64"
NMSTATECTL_BYTES = 24 * MIB
"""As large as the real one."""

SETTINGS = {"MIN_KERNEL_BYTES": "1", "MIN_ROOTFS_BYTES": "1"}
"""With which a service takes these images."""

_DROP_TRIES = 20

_PROGRAM = "ostree/deploy/rhcos/deploy/0123456789abcdef.0/usr/bin/nmstatectl"


def version(number: int) -> str:
    """Names one of several images."""
    return f"418.94.2026010100{number:02d}-0"


def file_name(number: int) -> str:
    """The file of that image in DATA_DIR."""
    return f"rhcos-full-iso-{version(number)}-{ARCHITECTURE}.iso"


def os_images(count: int, url: str = "http://localhost:9/never-asked.iso") -> str:
    """The setting C{OS_IMAGES} with so many images, of an OpenShift that wants nmstatectl."""
    return json.dumps(
        [
            {
                "openshift_version": f"4.18.{number}",
                "cpu_architecture": ARCHITECTURE,
                "version": version(number),
                "url": url,
            }
            for number in range(count)
        ]
    )


def write_base_image(
    directory: Path,
    nmstatectl_bytes: int = NMSTATECTL_BYTES,
    *,
    initrd_bytes: int = MIB,
    system_bytes: int = 0,
) -> Path:
    """
    A small image, made in C{directory}, which is made, too.

    @param system_bytes: what its root file system has besides nmstatectl.
    """
    directory.mkdir()
    system = directory / "system"
    program = system / _PROGRAM
    program.parent.mkdir(parents=True)
    # A program is neither noise nor all the same: half of its bytes are of no surprise.
    noise = os.urandom(2048)
    program.write_bytes(b"".join(os.urandom(2048) + noise for _ in range(nmstatectl_bytes // 4096)))
    (system / "noise").write_bytes(os.urandom(system_bytes))
    squashfs = directory / "root.squashfs"
    run(
        [
            "mksquashfs", str(system), str(squashfs), "-comp", "zstd",
            "-Xcompression-level", "1", "-all-root", "-noappend", "-no-progress", "-quiet",
        ]
    )  # fmt: skip
    ingredients = Ingredients(
        volume_id=VOLUME_ID,
        kernel=os.urandom(8 * MIB),
        initrd=os.urandom(initrd_bytes),
        rootfs=archive("root.squashfs", squashfs.read_bytes(), 0o100644),
    )
    image = directory / "base.iso"
    write_image(image_tree(ingredients), image)
    return image


def write_image_of(size: int, base: Path, target: Path) -> Path:
    """
    An image of C{size} bytes: C{base} and noise behind it.  An ISO may be larger than its volume,
    and what is behind is streamed like the rest.
    """
    shutil.copyfile(base, target)
    with target.open("ab") as file:
        while (rest := size - file.tell()) > 0:
            file.write(os.urandom(min(rest, MIB)))
        file.flush()
        os.fsync(file.fileno())
    return target


def bring_into_page_cache(path: Path) -> None:
    """Read the file."""
    with path.open("rb", buffering=0) as file:
        buffer = bytearray(MIB)
        while file.readinto(buffer):
            pass


def drop_from_page_cache(path: Path, offsets: Sequence[int]) -> None:
    """
    See to it that the file has to be read from the disk.

    @param offsets: bytes of which none may be in the page cache then.
    @raise BenchError: the kernel keeps some.
    """
    with path.open("rb") as file:
        descriptor = file.fileno()
        for _ in range(_DROP_TRIES):
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            if not any(_is_in_page_cache(descriptor, offset) for offset in offsets):
                return
            time.sleep(0.05)  # the kernel may have the pages in hand just now
    raise BenchError("the page cache keeps the image; is its file system on a disk?")


def _is_in_page_cache(descriptor: int, offset: int) -> bool:
    try:
        os.preadv(descriptor, [bytearray(1)], offset, os.RWF_NOWAIT)
    except BlockingIOError:
        return False
    return True
