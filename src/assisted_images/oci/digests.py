"""Digests of blobs and manifests (OCI image specification, descriptor.md)."""

from __future__ import annotations

import hashlib
import re
from typing import Self

from assisted_images.oci.errors import PayloadError

_DIGEST = re.compile("sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


class DigestMismatch(PayloadError):
    """The bytes are not those that the digest stands for; the text names both digests."""


def checked_digest(text: str) -> str:
    """
    The text, which is a digest.

    @raise ValueError: it is none.  The text is not quoted: it may be anything.
    """
    if not _DIGEST.fullmatch(text):
        raise ValueError(
            "not a digest; expected sha256: and 64, or sha512: and 128, hexadecimal digits in lower"
            " case"
        )
    return text


class Hash:
    """Takes in bytes, and says at the end whether they are those that were wanted."""

    def __init__(self, digest: str) -> None:
        self.wanted = checked_digest(digest)
        self._algorithm = digest.partition(":")[0]
        self._hash = hashlib.new(self._algorithm)

    @classmethod
    def of(cls, digest: str) -> Self:
        """
        A hash that wants the bytes of C{digest}.

        @raise ValueError: that is no digest.
        """
        return cls(digest)

    def update(self, data: bytes | memoryview) -> None:
        """Take in the next bytes."""
        self._hash.update(data)

    def check(self) -> None:
        """
        Make sure that what was taken in is what was wanted, to the last byte.

        @raise DigestMismatch: it is not.
        """
        found = f"{self._algorithm}:{self._hash.hexdigest()}"
        if found != self.wanted:
            raise DigestMismatch(
                f"what was received has the digest {found}; expected {self.wanted}"
            )
