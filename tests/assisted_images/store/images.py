"""Small OS images for the store's tests, and entries that name them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from assisted_images.catalog.catalog import Entry
from assisted_images.rootfs.cpio import archive
from assisted_images.store.checks import Limits
from assisted_images.values import Architecture, ImageType
from demo.sample_image import VOLUME_ID, write_image
from demo.tree import Ingredients, image_tree

LIMITS = Limits(min_kernel_bytes=6, min_rootfs_bytes=6)


@cache
def os_image() -> bytes:
    """A CoreOS live ISO with a kernel and a rootfs that are good for nothing."""
    tree = image_tree(
        Ingredients(
            volume_id=VOLUME_ID,
            kernel=b"kernel",
            initrd=b"initrd",
            rootfs=archive("root.squashfs", b"not squashfs", 0o100644),
        )
    )
    with TemporaryDirectory() as directory:
        path = Path(directory) / "image.iso"
        write_image(tree, path)
        return path.read_bytes()


def entry(
    url: str,
    version: str = "417.1",
    openshift_version: str = "4.17",
    *,
    architecture: Architecture = Architecture.X86_64,
    image_type: ImageType = ImageType.FULL,
    sha256: str | None = None,
) -> Entry:
    """An entry of the catalogue; 4.17 wants no nmstatectl."""
    return Entry(
        openshift_version=openshift_version,
        architecture=architecture,
        url=url,
        version=version,
        image_type=image_type,
        sha256=sha256,
    )
