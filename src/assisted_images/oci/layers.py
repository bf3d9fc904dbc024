"""
One member of one layer (OCI image specification, layer.md), read while the layer streams by: no
files, no threads, and no more memory than a piece of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from pathlib import PurePosixPath

from assisted_images.oci.compression import Compression, LayerError
from assisted_images.oci.tar import Headers, Kind, Member, resolved
from httpd.texts import quoted

__all__ = ["LayerError", "MemberReader", "Presence"]

_MOST_UNPACKED = 256 << 30
"""Bytes of a whole layer's archive: more is no image, but something that wants to cost time."""

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


class Presence(Enum):
    """What a layer says of a path."""

    FOUND = "found"
    """The layer has it: layers below do not matter."""

    WHITED_OUT = "whited out"
    """The layer removes it, or a directory on the way to it: layers below do not matter."""

    ABSENT = "absent"
    """The layer says nothing of it: what the next layer below says counts."""


class MemberReader:
    """
    Finds the content of the regular file C{path} in a layer, whose bytes it is fed.

    @ivar state: what is known of the path; certain at the layer's L{end}, and once it is
        L{Presence.FOUND}.
    @ivar size: the file's size in bytes; C{None} until its header was read.
    @ivar modified: when the file was changed last, as its header says; in seconds since the epoch.
    """

    def __init__(self, path: str, compression: Compression, most: int) -> None:
        """
        @param path: such as C{coreos/coreos-x86_64.iso}; names in the archive may have C{./} or
            C{/} before it.
        @param most: how many bytes the file may have.
        """
        self.path = path
        self.state = Presence.ABSENT
        self.size: int | None = None
        self.modified: float | None = None
        self._most = most
        self._decompressor = compression.decompressor()
        self._headers = Headers()
        self._pending = bytearray()
        self._content = 0
        self._skipped = 0
        self._unpacked_bytes = 0
        above = [str(parent) for parent in PurePosixPath(path).parents][:-1]
        self._above = frozenset(above)
        self._whiteouts = frozenset(map(_whiteout, (path, *above))) | {
            f"{directory}/{_OPAQUE}".lstrip("/") for directory in ("", *above)
        }

    @property
    def complete(self) -> bool:
        """Whether all of the file's content has come out."""
        return self.state is Presence.FOUND and not self._content

    def feed(self, data: bytes) -> Iterator[bytes]:
        """
        Read the layer's next bytes, as they are transferred.

        @return: the file's content among them, in pieces of at most
            L{PIECE<assisted_images.oci.compression.PIECE>} bytes or the length of C{data}, none of
            them empty; to be taken to the end before more is fed.
        @raise LayerError: the layer is damaged, or C{path} in it is no regular file of an
            acceptable size.
        """
        if not self._headers.wanted:
            return
        for piece in self._decompressor.feed(data):
            self._unpacked_bytes += len(piece)
            if self._unpacked_bytes > _MOST_UNPACKED:
                raise LayerError(
                    f"the layer unpacks to more than {_MOST_UNPACKED} bytes; expected less"
                )
            yield from self._read(piece)
            if not self._headers.wanted:
                return

    def end(self) -> None:
        """
        The layer has no more bytes.

        @raise LayerError: it should have.
        """
        if not self._headers.wanted:
            return
        self._decompressor.end()
        # As for GNU tar an archive may end without the blocks that mark its end.
        if self._pending or self._content or self._skipped or self._headers.within:
            raise LayerError("the layer ends within its tar archive; expected the rest")

    def _read(self, piece: bytes) -> Iterator[bytes]:
        view = memoryview(piece)
        while view and self._headers.wanted:
            if self._content:
                content, view = view[: self._content], view[self._content :]
                self._content -= len(content)
                yield bytes(content)
            elif self._skipped:
                passed = min(self._skipped, len(view))
                self._skipped -= passed
                view = view[passed:]
            else:
                view = self._read_headers(view)

    def _read_headers(self, view: memoryview) -> memoryview:
        missing = self._headers.wanted - len(self._pending)
        self._pending += view[:missing]
        if len(self._pending) == self._headers.wanted:
            raw = bytes(self._pending)
            self._pending.clear()
            member = self._headers.read(raw)
            if member is not None:
                self._meet(member)
        return view[missing:]

    def _meet(self, member: Member) -> None:
        """Take in what a member means for the path; its data comes next."""
        self._skipped = member.padded
        if member.name == self.path:
            self._check(member)
            self.state, self.size = Presence.FOUND, member.size
            self.modified = member.modified
            self._content, self._skipped = member.size, member.padded - member.size
        elif member.name in self._above and member.kind is not Kind.DIRECTORY:
            raise LayerError(
                f"{quoted(member.name)} in the layer is {member.kind.value}; expected a directory,"
                f" with {self.path} in it"
            )
        elif member.name in self._whiteouts and self.state is not Presence.FOUND:
            self.state = Presence.WHITED_OUT
        elif ".." in member.name and resolved(member.name) == self.path:
            raise LayerError(
                f"the layer calls {self.path} {quoted(member.name)}; expected a name without .."
            )

    def _check(self, member: Member) -> None:
        if self.state is Presence.FOUND:
            raise LayerError(f"the layer has {self.path} twice; expected it once")
        if member.kind is not Kind.FILE:
            raise LayerError(
                f"{self.path} in the layer is {member.kind.value}; expected a regular file"
            )
        if member.size > self._most:
            raise LayerError(
                f"{self.path} in the layer has {member.size} bytes; expected at most {self._most}"
            )


def _whiteout(path: str) -> str:
    """The name of the file that says that C{path} is gone."""
    pure = PurePosixPath(path)
    return str(pure.with_name(_WHITEOUT + pure.name))
