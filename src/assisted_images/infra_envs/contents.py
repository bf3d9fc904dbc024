"""
What somebody has put into the files of an infra-env, looked at before hosts get it: what cannot be
right would show at their boot only, if at all.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import msgspec

from assisted_images.infra_envs.configurations import LARGEST_PART
from assisted_images.rootfs.cpio import ARCHIVE_ALIGNMENT, CpioError, members
from assisted_images.rootfs.decompression import Decompress, gzip, xz, zstd
from assisted_images.values import Extent

_IGNITION = msgspec.json.Decoder(dict[str, msgspec.Raw])

_IGNITION_EXPECTED = 'expected a JSON object such as {"ignition": {"version": "3.2.0"}}'

_RAMDISK_EXPECTED = "expected a cpio archive (newc), as it is or compressed by gzip, xz or zstd"


class WrongContent(ValueError):
    """The content cannot be right; the text says why, and what would be, and quotes nothing."""


def require_ignition(content: bytes) -> None:
    """
    Check that an Ignition config can be one: it is a JSON object.

    @raise WrongContent: it is none.
    """
    try:
        _IGNITION.decode(content)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, msgspec.MsgspecError) else "malformed"
        raise WrongContent(f"no Ignition config ({reason}); {_IGNITION_EXPECTED}") from None


def require_ramdisk(content: bytes) -> None:
    """
    Check that a ramdisk is one that the kernel unpacks; an empty one says that there is none.

    @raise WrongContent: it is none.
    """
    if not content:
        return
    for magic, decompress in _COMPRESSIONS.items():
        if content.startswith(magic):
            archive = _decompressed(content, decompress)
            break
    else:
        archive = content
    try:
        for _ in members(io.BytesIO(archive), Extent(0, len(archive))):
            pass
    except CpioError as error:
        raise WrongContent(f"no ramdisk ({error}); {_RAMDISK_EXPECTED}") from None


def joined_ramdisks(ramdisks: Sequence[bytes]) -> bytes:
    """
    Several as one: of a file that is in more than one the kernel keeps the last.
    """
    total = bytearray()
    for ramdisk in filter(None, ramdisks):
        total += bytes(-len(total) % ARCHIVE_ALIGNMENT) + ramdisk
    return bytes(total)


def _decompressed(content: bytes, decompress: Decompress) -> bytes:
    try:
        archive = decompress(content, LARGEST_PART + 1)
    except Exception:  # of as many kinds as there are libraries
        raise WrongContent(
            f"no ramdisk (its compression is damaged); {_RAMDISK_EXPECTED}"
        ) from None
    if len(archive) > LARGEST_PART:
        raise WrongContent(f"too large: more than {LARGEST_PART} bytes when it is unpacked")
    return archive


_COMPRESSIONS: dict[bytes, Decompress] = {
    b"\x1f\x8b": gzip,
    b"\xfd7zXZ\0": xz,
    b"\x28\xb5\x2f\xfd": zstd,
}
"""How they begin, and what undoes them."""
