"""Layers as others write them: the standard library's tar archives, compressed, cut into chunks."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable, Iterator
from itertools import pairwise

import zstandard

from assisted_images.oci.compression import Compression
from assisted_images.oci.layers import MemberReader

PATH = "coreos/coreos-x86_64.iso"
MOST = 1 << 20


def member(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    """A header for C{content}."""
    info = tarfile.TarInfo(name)
    info.size, info.type = len(content), kind
    return info


def archive(
    members: Iterable[tuple[tarfile.TarInfo, bytes]], tar_format: int = tarfile.PAX_FORMAT
) -> bytes:
    """A tar archive of these members."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tar_format) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def files(**contents: bytes) -> bytes:
    """An archive of regular files; C{iso} stands for L{PATH}."""
    names = {"iso": PATH}
    return archive(
        (member(names.get(name, name), content), content) for name, content in contents.items()
    )


def compressed(data: bytes, compression: Compression, cuts: Iterable[int] = ()) -> bytes:
    """The data, in gzip members or zstd frames that begin anew at each of C{cuts}."""
    whole = b""
    for piece in pieces(data, cuts):
        match compression:
            case Compression.GZIP:
                whole += gzip.compress(piece, 1)
            case Compression.ZSTD:
                whole += zstandard.compress(piece)
            case Compression.NONE:
                whole += piece
    return whole


def pieces(data: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    """The data, cut at these places, which wrap around its end."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    for start, stop in pairwise(places):
        yield data[start:stop]


def read(
    blob: bytes,
    cuts: Iterable[int] = (),
    path: str = PATH,
    compression: Compression = Compression.NONE,
) -> tuple[MemberReader, bytes]:
    """What a reader makes of a layer that arrives in chunks: the reader, and the content."""
    reader = MemberReader(path, compression, MOST)
    content = b"".join(piece for chunk in pieces(blob, cuts) for piece in reader.feed(chunk))
    reader.end()
    return reader, content
