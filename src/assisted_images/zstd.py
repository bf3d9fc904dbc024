"""Zstandard as Python's own library has it from 3.14 on, and C{backports.zstd} before."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 14):
    from compression.zstd import DecompressionParameter, ZstdDecompressor, ZstdError
else:
    from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

__all__ = ["ZstdDecompressor", "ZstdError", "frame_decompressor"]


def frame_decompressor(window_log: int) -> ZstdDecompressor:
    """
    What decompresses one frame (RFC 8878).

    @param window_log: the binary logarithm of the bytes of memory that the frame may ask for.
    """
    return ZstdDecompressor(options={DecompressionParameter.window_log_max: window_log})
