"""
A download's file on disk: the bytes that have arrived, and beside them what is needed to go on
after a restart.  Blocking; used in threads only.

C{<target>.part} only ever grows at its end, so its size says where to go on: also after a crash of
the machine, on file systems that make a size durable no sooner than the data (ext4, XFS, btrfs).
C{<target>.part.json} is written before the first byte.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from assisted_images.downloads.durable import is_still, remove_whole, sync_directory, write_struct
from httpd.outbound.failures import DownloadError

PART = ".part"
PROVENANCE = ".part.json"


class PartInUse(DownloadError):
    """Another process is downloading the same file."""


class NoSpace(DownloadError):
    """What is missing does not fit on the disk."""


class Provenance(msgspec.Struct, frozen=True):
    """What is known of the representation whose first bytes a part holds."""

    url_digest: str
    """L{digest_of_name} of its URL, or of what denotes it, where it has none."""
    validator: str | None = None
    """For C{If-Range} (RFC 9110, section 13.1.5); None: it cannot be resumed."""
    etag: str | None = None
    last_modified: float | None = None
    """Seconds since the epoch."""
    total: int | None = None
    """Bytes; None when the origin did not say."""


_PROVENANCE = msgspec.json.Decoder(Provenance)


def digest_of_name(name: str) -> str:
    """What stands for a URL, or for another name, that may hold secrets."""
    return hashlib.sha256(name.encode()).hexdigest()


class Part:
    """
    One part file, locked against other processes from L{open} to L{close}.

    The methods may be called from different threads; each waits for the one before.
    """

    def __init__(self, target: Path, descriptor: int) -> None:
        self.target = target
        self.path = target.with_name(target.name + PART)
        self._provenance_path = target.with_name(target.name + PROVENANCE)
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._closed = False
        self.size: int = os.fstat(descriptor).st_size
        """Bytes that are there."""
        self.provenance: Provenance | None = self._read_provenance()
        """Where they came from; None when that is not known, and then they are worth nothing."""
        self._arrived = None if self.size else hashlib.sha256()

    @classmethod
    def open(cls, target: Path, lock: Callable[[int], None] | None = None) -> Part:
        """
        Open the part of C{target}, which is made when there is none.

        @param lock: what locks an open file.
        @raise PartInUse: another process, or another part of this one, has it open.
        @raise OSError: it cannot be made.
        """
        path = target.with_name(target.name + PART)
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                (lock or lock_file)(descriptor)
                if is_still(path, descriptor):
                    return cls(target, descriptor)
            except BaseException:
                os.close(descriptor)
                raise
            # Between open and lock, another process renamed it into place.
            os.close(descriptor)

    @property
    def sha256(self) -> str | None:
        """
        Of all that is there, in hexadecimal; None where some of it has arrived at an earlier time,
        and would have to be read.
        """
        with self._lock:
            return None if self._arrived is None else self._arrived.hexdigest()

    def restart(self, provenance: Provenance) -> None:
        """Forget all bytes; C{provenance} is that of those to come."""
        with self._lock:
            remove_whole(self._provenance_path)
            os.ftruncate(self._descriptor, 0)
            self.size = 0
            self._arrived = hashlib.sha256()
            write_struct(self._provenance_path, provenance)
            self.provenance = provenance

    def append(self, pieces: Iterable[bytes]) -> None:
        """
        Add bytes at the end.

        @raise OSError: the disk is full or broken; what was written before stays.
        """
        with self._lock:
            if self._closed:
                return
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    written = os.pwrite(self._descriptor, rest, self.size)
                    self.size += written
                    if self._arrived is not None:
                        self._arrived.update(rest[:written])
                    rest = rest[written:]

    def require_space(self, length: int, promised: int = 0) -> None:
        """
        Make sure that C{length} more bytes fit.

        @param promised: bytes of what is free that others are going to use.
        @raise NoSpace: they do not.
        """
        status = os.fstatvfs(self._descriptor)
        free = status.f_bavail * status.f_frsize
        if length > free - promised:
            others = f", of which other downloads need {promised}" if promised else ""
            text = f"{length} bytes are to come, but only {free} are free on the disk{others}"
            raise NoSpace(text)

    def sync(self) -> None:
        """Make the content durable, dated as its origin says, so that replicas agree."""
        with self._lock:
            if self.provenance is not None and self.provenance.last_modified is not None:
                os.utime(self._descriptor, (self.provenance.last_modified,) * 2)
            os.fsync(self._descriptor)

    def publish(self) -> None:
        """Give the part its target's name, durably."""
        self.path.replace(self.target)
        self._provenance_path.unlink(missing_ok=True)
        sync_directory(self.target.parent)

    def discard(self) -> None:
        """Remove what has arrived; what would be appended now, nobody would find."""
        self.size, self.provenance = 0, None
        self.path.unlink(missing_ok=True)
        self._provenance_path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let others have it; harmless when closed already."""
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._descriptor)

    def _read_provenance(self) -> Provenance | None:
        try:
            return _PROVENANCE.decode(self._provenance_path.read_bytes())
        except (FileNotFoundError, msgspec.MsgspecError):
            return None


def lock_file(descriptor: int) -> None:
    """
    Keep other processes, and other openings in this one, from an open file until it is closed.

    @raise PartInUse: one of them has it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PartInUse("another process is downloading it") from None
    except OSError:
        # A file system without locks: one process must do.
        return
