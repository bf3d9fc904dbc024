"""One member of one layer on its way from registries: out of the blob, into memory or a part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from assisted_images.downloads.parts import Part, Provenance
from assisted_images.downloads.room import Room
from assisted_images.oci.errors import PayloadError
from assisted_images.oci.layers import MemberReader, Presence
from assisted_images.oci.manifests import Descriptor
from assisted_images.registries.blobs import Verified

_LATEST = 1 << 33
"""Seconds since the epoch: later times, which any header may give, are no use to a file."""


class MemberTarget(Protocol):
    """Where a member's content goes.  Blocking; used in threads, by one at a time."""

    def begin(self, size: int, modified: float | None) -> None:
        """
        The content comes next, from its first byte, whatever was written before.

        @param modified: seconds since the epoch.
        """

    def write(self, content: bytes) -> None:
        """Take the next bytes."""

    def forget(self) -> None:
        """What was written is wrong."""


class LayerReading:
    """
    A L{Blob<assisted_images.registries.blobs.Blob>}: one layer, decompressed and looked through for
    one member, as far as its bytes have come.  Nothing else of it is kept.

    @ivar sound: whether it can go on: not when a write has failed, or is under way.
    """

    def __init__(self, descriptor: Descriptor, path: str, most: int, target: MemberTarget) -> None:
        """
        @param path: of the member.
        @param most: bytes that it may have.
        @raise ManifestError: the layer is of no known kind.
        """
        self._descriptor = descriptor
        self._path = path
        self._most = most
        self._target = target
        self._begin()

    def _begin(self) -> None:
        self._verified = Verified(self._descriptor)
        self._reader = MemberReader(self._path, self._descriptor.compression, self._most)
        self._trouble: PayloadError | None = None
        self._found = False
        self.sound = True

    @property
    def size(self) -> int:
        """See L{Blob<assisted_images.registries.blobs.Blob>}."""
        return self._verified.size

    def append(self, pieces: Sequence[bytes]) -> None:
        """See L{Blob<assisted_images.registries.blobs.Blob>}."""
        self.sound = False
        for piece in pieces:
            self._verified.take(piece)
            if self._trouble is None:
                try:
                    self._read(piece)
                except PayloadError as error:
                    # Whether the layer was made so or came so, its digest will tell.
                    self._trouble = error
        self.sound = True

    def _read(self, piece: bytes) -> None:
        for content in self._reader.feed(piece):
            self._note_found()
            self._target.write(content)
        self._note_found()

    def _note_found(self) -> None:
        if self._reader.size is not None and not self._found:
            self._found = True
            self._target.begin(self._reader.size, self._reader.modified)

    def verify(self) -> None:
        """See L{Blob<assisted_images.registries.blobs.Blob>}."""
        self._verified.verify()

    def restart(self) -> None:
        """See L{Blob<assisted_images.registries.blobs.Blob>}."""
        self._target.forget()
        self._begin()

    def presence(self) -> Presence:
        """
        What the layer, which has been read and verified, says of the member.

        @raise PayloadError: it is damaged, or its member is no regular file.
        """
        if self._trouble is not None:
            raise self._trouble
        self._reader.end()
        return self._reader.state


class EnoughRead(Exception):
    """What comes further is of no interest."""


class MemberInMemory:
    """
    A L{MemberTarget} for a small file, or for the beginning of a large one.

    @ivar size: of the whole file, in bytes.
    @ivar content: what has come of it.
    """

    def __init__(self, enough: int | None = None) -> None:
        """
        @param enough: bytes that are wanted; when there are so many, writing raises L{EnoughRead}.
        """
        self._enough = enough
        self.size = 0
        self.content = bytearray()

    def begin(self, size: int, modified: float | None) -> None:
        """See L{MemberTarget}."""
        self.size = size
        self.content.clear()

    def write(self, content: bytes) -> None:
        """See L{MemberTarget}."""
        self.content += content
        if self._enough is not None and len(self.content) >= self._enough:
            raise EnoughRead

    def forget(self) -> None:
        """See L{MemberTarget}."""
        self.content.clear()


class MemberIntoPart:
    """
    A L{MemberTarget} that is a part file, whose writer may have to open it several times.

    @ivar part: which is open now.
    @ivar total: bytes that it will have; C{None} until the member is found.
    """

    def __init__(self, part: Part, room: Room, name_digest: str) -> None:
        """
        @param name_digest: of what denotes the content, for the part's L{Provenance}.
        """
        self.part = part
        self.total: int | None = None
        self._room = room
        self._name_digest = name_digest
        self._written = 0
        self._provenance: Provenance | None = None

    def begin(self, size: int, modified: float | None) -> None:
        """
        See L{MemberTarget}.

        @raise NoSpace: so much does not fit on the disk.
        """
        sound = modified is not None and 0 <= modified < _LATEST
        provenance = Provenance(
            self._name_digest, last_modified=modified if sound else None, total=size
        )
        self.part.restart(provenance)
        self._room.promise(self.part, size)
        self._provenance, self._written, self.total = provenance, 0, size

    def write(self, content: bytes) -> None:
        """See L{MemberTarget}."""
        self.part.append([content])
        self._written += len(content)

    def forget(self) -> None:
        """See L{MemberTarget}."""
        if self._provenance is not None:
            self.part.restart(self._provenance)
        self._written, self.total = 0, None

    def goes_on(self, part: Part) -> bool:
        """
        Go on with C{part}, if it is just as it was left.
        """
        self.part = part
        return self._provenance is None or (
            part.provenance == self._provenance and part.size == self._written
        )
