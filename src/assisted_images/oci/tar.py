"""
The headers of a tar archive (POSIX.1-2017, pax; GNU tar's long names), one after the other.

L{Headers} asks for so many bytes, gets them, and says what it knows then.  Every header is checked
by L{tarfile.TarInfo.frombuf}; of what the extensions say only names and sizes matter here.
"""

from __future__ import annotations

import posixpath
import tarfile
from dataclasses import dataclass
from enum import Enum

from assisted_images.oci.compression import LayerError
from httpd.texts import quoted

BLOCK = tarfile.BLOCKSIZE

_MOST_EXTENSION_BYTES = 1 << 20
"""What long names and pax records may have; names have 4096 bytes at most."""

_LARGEST = (1 << 63) - 1
_EXTENDED_SPARSE_HEADER = 482, 504
"""Where a GNU sparse header, and each block behind it, say whether another block follows."""

_LONG_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_PAX_RECORDS = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE)
_WITHOUT_DATA = (
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
)
"""Whatever size their headers give."""


class Kind(Enum):
    """What a member is; the value goes into messages."""

    FILE = "a regular file"
    DIRECTORY = "a directory"
    LINK = "a link"
    SPARSE = "a sparse file"
    OTHER = "a special file"


@dataclass(frozen=True, slots=True)
class Member:
    """One member of the archive."""

    name: str
    """Without C{./} or C{/} before it; C{..} is left as it is."""

    kind: Kind
    size: int
    """Bytes of its data."""

    modified: float = 0.0
    """Seconds since the epoch."""

    @property
    def padded(self) -> int:
        """Bytes until the next header."""
        return _padded(self.size)


@dataclass(slots=True)
class _Extensions:
    """What the headers before a member's own say of it."""

    some: bool = False
    name: str | None = None
    size: int | None = None
    sparse: bool = False


class Headers:
    """
    The headers of one archive.

    @ivar wanted: how many bytes L{read} wants next; 0: the archive has ended, and nothing behind
        that matters.
    """

    def __init__(self) -> None:
        self.wanted = BLOCK
        self._extensions = _Extensions()
        self._extension: tarfile.TarInfo | None = None
        self._member: Member | None = None

    @property
    def within(self) -> bool:
        """Whether a member's header was begun and not finished."""
        return self._extension is not None or self._member is not None or self._extensions.some

    def read(self, raw: bytes) -> Member | None:
        """
        Read C{wanted} bytes.

        @return: a member, whose data comes next; C{None}: there is more to read, or the archive
            has ended.
        @raise LayerError: this is no tar archive, or one with absurd sizes or names.
        """
        if self._extension is not None:
            extension, self._extension = self._extension, None
            self.wanted = BLOCK
            self._read_extension(extension, raw[: extension.size])
            return None
        if self._member is not None:
            return self._continue_sparse(raw, _EXTENDED_SPARSE_HEADER[1])
        if not raw.strip(b"\0"):
            self.wanted = 0
            return None
        return self._read_header(raw)

    def _read_header(self, raw: bytes) -> Member | None:
        try:
            header = tarfile.TarInfo.frombuf(raw, "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError, OverflowError) as error:
            raise LayerError(
                f"the layer has a damaged tar header: {error}; expected a tar archive"
            ) from None
        if header.type in (*_LONG_NAMES, *_PAX_RECORDS):
            if not 0 <= header.size <= _MOST_EXTENSION_BYTES:
                raise LayerError(
                    f"the layer has a tar extension of {header.size} bytes; expected at most"
                    f" {_MOST_EXTENSION_BYTES}"
                )
            self._extension, self.wanted = header, _padded(header.size)
            # Nothing to wait for: an extension without content says nothing.
            return self.read(b"") if not self.wanted else None
        self._member = self._member_of(header)
        self._extensions = _Extensions()
        if header.type == tarfile.GNUTYPE_SPARSE:
            return self._continue_sparse(raw, _EXTENDED_SPARSE_HEADER[0])
        return self._finished()

    def _member_of(self, header: tarfile.TarInfo) -> Member:
        extensions = self._extensions
        size = header.size if extensions.size is None else extensions.size
        if header.type in _WITHOUT_DATA:
            size = 0
        name = header.name if extensions.name is None else extensions.name
        if not 0 <= size <= _LARGEST:
            raise LayerError(
                f"the layer has a member {quoted(name)} of {size} bytes; expected 0 to {_LARGEST}"
            )
        return Member(_plain(name), _kind(header, sparse=extensions.sparse), size, header.mtime)

    def _continue_sparse(self, raw: bytes, flag: int) -> Member | None:
        return None if raw[flag] else self._finished()

    def _finished(self) -> Member | None:
        member, self._member = self._member, None
        return member

    def _read_extension(self, header: tarfile.TarInfo, content: bytes) -> None:
        if header.type == tarfile.XGLTYPE:
            self._refuse_global(_pax_records(content))
            return
        self._extensions.some = True
        if header.type == tarfile.GNUTYPE_LONGNAME:
            self._extensions.name = _text(content.partition(b"\0")[0])
        elif header.type in _PAX_RECORDS:
            self._take(_pax_records(content))

    @staticmethod
    def _refuse_global(records: dict[str, bytes]) -> None:
        if any(key in {"path", "size"} or key.startswith("GNU.sparse.") for key in records):
            raise LayerError(
                "the layer has a global pax header with a name or a size, which would be those of"
                " all members; expected one header for each"
            )

    def _take(self, records: dict[str, bytes]) -> None:
        name = records.get("GNU.sparse.name", records.get("path"))
        if name is not None:
            self._extensions.name = _text(name)
        if "size" in records:
            self._extensions.size = _number(records["size"], "size")
        if any(key.startswith("GNU.sparse.") for key in records):
            self._extensions.sparse = True


def _kind(header: tarfile.TarInfo, *, sparse: bool) -> Kind:
    if header.type == tarfile.GNUTYPE_SPARSE or (sparse and header.isreg()):
        return Kind.SPARSE
    if header.isreg():
        return Kind.FILE
    if header.isdir():
        return Kind.DIRECTORY
    return Kind.LINK if header.issym() or header.islnk() else Kind.OTHER


def _pax_records(content: bytes) -> dict[str, bytes]:
    """The records: length, space, key, C{=}, value, line end; the length counts all of that."""
    records = {}
    while content.strip(b"\0"):
        digits, _, _ = content[:20].partition(b" ")
        length = _number(digits, "record length")
        record = content[:length]
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if len(record) < length or not equals or not key or not record.endswith(b"\n"):
            raise LayerError(
                "the layer has a damaged pax header; expected records of length, key and value"
            )
        records[_text(key)] = value
        content = content[length:]
    return records


def _number(digits: bytes, what: str) -> int:
    if not digits.isdigit() or len(digits) > 19:
        raise LayerError(
            f"the layer has a pax {what} of {quoted(_text(digits))}; expected a decimal number of"
            " at most 19 digits"
        )
    return int(digits)


def _plain(name: str) -> str:
    """The name without what makes no difference: C{./}, C{/} before it or at its end, C{//}."""
    return "/".join(part for part in name.split("/") if part not in {"", "."})


def resolved(name: str) -> str:
    """The name with each C{..} followed."""
    return posixpath.normpath(f"/{name}").lstrip("/")


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
