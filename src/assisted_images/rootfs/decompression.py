"""
Decompression with a bound: no input makes more bytes than asked for, whatever it says of itself.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable

import lz4.block

from assisted_images.zstd import frame_decompressor

Decompress = Callable[[bytes, int], bytes]
"""Decompresses to at most so many bytes; raises errors of many kinds for damaged input."""

_LARGEST_WINDOW_LOG = 23
_LARGEST_WINDOW = 1 << _LARGEST_WINDOW_LOG
_LZMA_MEMORY = 64 << 20
_LZMA_UNKNOWN_SIZE = b"\xff" * 8


def lz4_block(data: bytes, limit: int) -> bytes:
    """LZ4's block format, without a frame: all of C{data} is one block."""
    return bytes(lz4.block.decompress(data, uncompressed_size=limit))


def deflate(data: bytes, limit: int) -> bytes:
    """RFC 1951, without a header."""
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, limit)


def zlib_stream(data: bytes, limit: int) -> bytes:
    """RFC 1950."""
    return zlib.decompressobj().decompress(data, limit)


def gzip(data: bytes, limit: int) -> bytes:
    """RFC 1952; the first member."""
    return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, limit)


def xz(data: bytes, limit: int) -> bytes:
    """The .xz format."""
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY).decompress(data, limit)


def zstd(data: bytes, limit: int) -> bytes:
    """RFC 8878."""
    return frame_decompressor(_LARGEST_WINDOW_LOG).decompress(data, limit)


def micro_lzma(data: bytes, limit: int) -> bytes:
    """
    MicroLZMA (liblzma's C{lzma_microlzma_decoder}): an LZMA stream without header or end mark,
    whose first byte, otherwise always zero, is the inverse of the properties.
    """
    properties = bytes([data[0] ^ 0xFF])
    header = properties + _LARGEST_WINDOW.to_bytes(4, "little") + _LZMA_UNKNOWN_SIZE
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_LZMA_MEMORY)
    return decompressor.decompress(header + b"\0" + data[1:], limit)
