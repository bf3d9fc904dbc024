"""Blobs on their way from a registry: taken in piece by piece, and verified at their end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from assisted_images.oci.digests import Hash
from assisted_images.oci.manifests import Descriptor
from httpd.outbound.failures import DownloadError


class Blob(Protocol):
    """
    What a registry's blob is read into, by
    L{ArrivingBody<httpd.outbound.arrival.ArrivingBody>}.  All methods may block, and are
    used in threads, by one at a time.
    """

    @property
    def size(self) -> int:
        """Bytes of the blob that were appended."""

    def append(self, pieces: Sequence[bytes]) -> None:
        """
        Take the next bytes.

        @raise DownloadError: they are too many.
        @raise OSError: the disk is full or broken.
        """

    def verify(self) -> None:
        """
        The blob has no more bytes.

        @raise DigestMismatch: they are not those that its digest stands for.
        """

    def restart(self) -> None:
        """Forget all bytes; the next is the blob's first again."""


class Verified:
    """Counts and hashes a blob's bytes."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self.size = 0
        self._hash = Hash.of(descriptor.digest)

    def take(self, piece: bytes) -> None:
        """
        Take the next bytes.

        @raise DownloadError: they are more than the descriptor says.
        """
        wanted = self._descriptor.size
        if self.size + len(piece) > wanted:
            raise DownloadError(f"{self._descriptor.digest} has more bytes than its {wanted}")
        self._hash.update(piece)
        self.size += len(piece)

    def verify(self) -> None:
        """
        All bytes were taken.

        @raise DigestMismatch: they are other ones.
        """
        self._hash.check()


class BlobInMemory:
    """A small blob, such as an image's config."""

    def __init__(self, descriptor: Descriptor, most: int) -> None:
        """
        @param most: bytes that it may have.
        @raise DownloadError: it has more.
        """
        if descriptor.size > most:
            text = f"{descriptor.digest} has {descriptor.size} bytes; expected at most {most}"
            raise DownloadError(text)
        self._descriptor = descriptor
        self.restart()

    @property
    def size(self) -> int:
        """See L{Blob}."""
        return self._verified.size

    @property
    def content(self) -> bytes:
        """All that was appended."""
        return b"".join(self._pieces)

    def append(self, pieces: Sequence[bytes]) -> None:
        """See L{Blob}."""
        for piece in pieces:
            self._verified.take(piece)
            self._pieces.append(piece)

    def verify(self) -> None:
        """See L{Blob}."""
        self._verified.verify()

    def restart(self) -> None:
        """See L{Blob}."""
        self._verified = Verified(self._descriptor)
        self._pieces: list[bytes] = []
