"""The OS images that are served where none are configured."""

from __future__ import annotations

from assisted_images.catalog.catalog import Catalog, Entry
from assisted_images.values import Architecture

_MIRROR = (
    "https://mirror.openshift.com/pub/openshift-v4/{arch}/dependencies/rhcos/{minor}/{release}/"
    "rhcos-{release}-{arch}-live.{arch}.iso"
)


_BUILT_IN = (
    ("4.8.14", Architecture.X86_64, "48.84.202109241901-0"),
    ("4.9.0", Architecture.X86_64, "49.84.202110081407-0"),
    ("4.14.0", Architecture.X86_64, "414.92.202310170514-0"),
    ("4.16.51", Architecture.X86_64, "416.94.202510081640-0"),
    ("4.18.30", Architecture.X86_64, "418.94.202511191518-0"),
    ("4.18.30", Architecture.ARM64, "418.94.202511191518-0"),
)


def built_in_catalog() -> Catalog:
    """The images that are served when none are configured: public RHCOS releases."""
    return Catalog(
        Entry(
            openshift_version=release.rpartition(".")[0],
            architecture=architecture,
            url=_MIRROR.format(
                release=release, minor=release.rpartition(".")[0], arch=architecture.machine
            ),
            version=version,
        )
        for release, architecture, version in _BUILT_IN
    )
