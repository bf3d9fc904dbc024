"""
A program out of a squashfs image, by PySquashfsImage: no other program is needed, and an image of
90 000 files takes about a second, which unsquashfs does in a tenth.

The library believes what it reads, so everything that could make it take memory or time without end
has a bound here.
"""

from __future__ import annotations

import struct
from typing import Any

from PySquashfsImage import SquashFsImage
from PySquashfsImage.const import SQUASHFS_INVALID_BLK, Compression

from assisted_images.iso9660.errors import IsoError
from assisted_images.iso9660.files import SeekableFile
from assisted_images.rootfs import decompression
from assisted_images.rootfs.decompression import Decompress
from assisted_images.values import Extent

_SUPERBLOCK = struct.Struct("<4sIIIIHHHHHHQQQQQQQQ")
_METADATA_BYTES = 8192
_BLOCK_LOGS = range(12, 21)
_MOST_INODES = 500_000
_MOST_DIRECTORY_READS = 3 * _MOST_INODES
_MOST_METADATA_BLOCKS = 20_000

_DECOMPRESSORS: dict[int, Decompress] = {
    Compression.ZLIB: decompression.zlib_stream,
    Compression.XZ: decompression.xz,
    Compression.LZ4: decompression.lz4_block,
    Compression.ZSTD: decompression.zstd,
}


def read_program(file: SeekableFile, extent: Extent, ending: str, limit: int) -> bytes:
    """
    The content of the file whose path ends in C{ending}, in the file system at C{extent}.

    @param ending: with a slash at its start.
    @param limit: the most bytes that are acceptable.
    @raise IsoError: there is none, it is larger, or the file system cannot be read.
    """
    name = ending.rpartition("/")[2]
    # Damage shows in errors of many kinds.
    try:
        _check_superblock(file, extent)
        with _BoundedImage(file, extent.offset, closefd=False) as image:
            for entry in image:
                # The name first: the path is put together anew each time it is asked for.
                if entry.name == name and entry.is_file and str(entry.path).endswith(ending):
                    if entry.size > limit:
                        raise IsoError(f"{name} has {entry.size} bytes in root.squashfs")
                    return bytes(entry.read_bytes())
    except IsoError:
        raise
    except Exception as problem:
        raise IsoError(f"root.squashfs cannot be read: {problem}") from problem
    finally:
        # Its cache of blocks belongs to the class and would keep the image's whole tree alive.
        SquashFsImage._read_data_block.cache_clear()
    raise IsoError(f"no {ending.lstrip('/')} in root.squashfs")


def _check_superblock(file: SeekableFile, extent: Extent) -> None:
    if extent.length < _SUPERBLOCK.size:
        raise IsoError(f"root.squashfs has {extent.length} bytes; no superblock fits in")
    file.seek(extent.offset)
    fields = _SUPERBLOCK.unpack(file.read(_SUPERBLOCK.size))
    inodes, block_size, fragments, block_log, used = (fields[i] for i in (1, 3, 4, 6, 12))
    if fields[0] != b"hsqs":
        raise IsoError("root.squashfs has no superblock of squashfs 4.0")
    if inodes > _MOST_INODES or fragments > _MOST_INODES:
        raise IsoError(
            f"root.squashfs has {inodes} inodes and {fragments} fragments; "
            f"at most {_MOST_INODES} are expected"
        )
    if block_log not in _BLOCK_LOGS or block_size != 1 << block_log:
        raise IsoError(
            f"root.squashfs has blocks of {block_size} bytes; expected a power of 2 up to 1 MiB"
        )
    if used > extent.length:
        raise IsoError(f"root.squashfs is cut off: {extent.length} bytes of {used}")


class _BoundedImage(SquashFsImage):  # type: ignore[misc] # it has no annotations
    """
    The library's class, with bounds where it has none.

    @raise IsoError: one is exceeded.
    """

    def __init__(self, file: SeekableFile, offset: int, *, closefd: bool) -> None:
        self._inodes_read = 0
        self._directory_reads = 0
        self._metadata_blocks_read = 0
        super().__init__(file, offset, closefd)

    def _get_compressor(self, compression_id: int) -> _Compressor:
        if compression_id not in _DECOMPRESSORS:
            raise IsoError(f"root.squashfs has compression {compression_id}, which is not known")
        return _Compressor(_DECOMPRESSORS[compression_id])

    def _read_xattrs_from_disk(self) -> int:
        return int(SQUASHFS_INVALID_BLK)  # nobody asks for them

    def _read_inode(self, start_block: int, offset: int) -> Any:
        self._inodes_read += 1
        _check(self._inodes_read, _MOST_INODES, "files")
        return super()._read_inode(start_block, offset)

    def _read_directory_data(self, block: int, offset: int, length: int) -> Any:
        self._directory_reads += 1
        _check(self._directory_reads, _MOST_DIRECTORY_READS, "directory entries")
        return super()._read_directory_data(block, offset, length)

    def _read_block(self, start: int, expected: int = _METADATA_BYTES) -> Any:
        self._metadata_blocks_read += 1
        _check(self._metadata_blocks_read, _MOST_METADATA_BLOCKS, "blocks of metadata")
        return super()._read_block(start, _METADATA_BYTES)


class _Compressor:
    """What the library asks for blocks."""

    def __init__(self, decompress: Decompress) -> None:
        self._decompress = decompress

    def uncompress(self, data: bytes, _: int, limit: int) -> bytes:
        """The block's content, of at most C{limit} bytes."""
        return self._decompress(data, limit)


def _check(number: int, most: int, what: str) -> None:
    if number > most:
        raise IsoError(f"root.squashfs has more than {most} {what}")
