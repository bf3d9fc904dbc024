"""
The sftp subsystem: a program that speaks the SSH File Transfer Protocol, version 3, as OpenSSH:
draft-ietf-secsh-filexfer-02, with OpenSSH's PROTOCOL, section 4.

It is a process of its own for each session, confined to the root file system that it is started in:
paths are the kernel's to resolve.  One request is answered after the other.

    python -I -m image_management.jobs.ssh.file_transfer HOME
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from image_management.jobs.ssh.confinement import confine
from image_management.jobs.ssh.packets import Attributes, Reader, packed_attributes, text

_LONGEST_PACKET = 256 * 1024
_LONGEST_DATA = _LONGEST_PACKET - 1024
_MOST_HANDLES = 256
_NAMES_A_REPLY = 100

_INIT, _VERSION, _STATUS, _HANDLE, _DATA, _NAME, _ATTRIBUTES, _EXTENDED_REPLY = (
    1, 2, 101, 102, 103, 104, 105, 201,
)  # fmt: skip
_OK, _EOF, _NO_SUCH_FILE, _DENIED, _FAILURE, _BAD_MESSAGE, _UNSUPPORTED = 0, 1, 2, 3, 4, 5, 8

_CODES = {errno.ENOENT: _NO_SUCH_FILE, errno.EACCES: _DENIED, errno.EPERM: _DENIED}
_OPEN_FLAGS = {0x04: os.O_APPEND, 0x08: os.O_CREAT, 0x10: os.O_TRUNC, 0x20: os.O_EXCL}
_READ, _WRITE = 0x01, 0x02

_EXTENSIONS = {
    b"posix-rename@openssh.com": b"1",
    b"hardlink@openssh.com": b"1",
    b"fsync@openssh.com": b"1",
    b"limits@openssh.com": b"1",
    b"expand-path@openssh.com": b"1",
}

Reply = tuple[int, bytes]
"""The type of a packet, and what is behind the number of the request in it."""


class FileTransfer:
    """Answers the requests of one client, relative to the working directory."""

    def __init__(self) -> None:
        self._files: dict[bytes, int] = {}
        self._directories: dict[bytes, Iterator[os.DirEntry[bytes]]] = {}
        self._last = 0
        self._requests: dict[int, Callable[[Reader], Reply]] = {
            3: self._open, 4: self._close, 5: self._read, 6: self._write, 7: self._stat_link,
            8: self._stat_file, 9: self._set, 10: self._set_file, 11: self._open_directory,
            12: self._read_directory, 13: self._remove, 14: self._make_directory,
            15: self._remove_directory, 16: self._real_path, 17: self._stat, 18: self._rename,
            19: self._read_link, 20: self._link_symbolically, 200: self._extended,
        }  # fmt: skip
        self._extensions: dict[bytes, Callable[[Reader], Reply]] = {
            b"posix-rename@openssh.com": self._replace,
            b"hardlink@openssh.com": self._link,
            b"fsync@openssh.com": self._sync,
            b"limits@openssh.com": self._limits,
            b"expand-path@openssh.com": self._expand,
        }

    def answer(self, packet: bytes) -> bytes:
        """
        The packet that answers one.

        @raise ValueError: it has not even the number of a request.
        """
        if packet[:1] == bytes([_INIT]):
            extensions = b"".join(text(name) + text(data) for name, data in _EXTENSIONS.items())
            return struct.pack(">BI", _VERSION, 3) + extensions
        reader = Reader(packet)
        kind, number = reader.byte(), reader.number()
        try:
            code, rest = self._requests.get(kind, self._unknown)(reader)
        except OSError as error:
            code, rest = _status(_CODES.get(error.errno or 0, _FAILURE), error.strerror or "")
        except (ValueError, OverflowError):
            code, rest = _status(_BAD_MESSAGE, "the request makes no sense")
        return struct.pack(">BI", code, number) + rest

    def _unknown(self, reader: Reader) -> Reply:
        return _status(_UNSUPPORTED, "there is no such request")

    # Files.

    def _open(self, reader: Reader) -> Reply:
        path, wanted, attributes = reader.text(), reader.number(), reader.attributes()
        flags = {_READ: os.O_RDONLY, _WRITE: os.O_WRONLY}.get(wanted & 3, os.O_RDWR)
        for bit, flag in _OPEN_FLAGS.items():
            flags |= flag if wanted & bit else 0
        if len(self._files) + len(self._directories) >= _MOST_HANDLES:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        mode = 0o666 if attributes.mode is None else attributes.mode & 0o7777
        handle = self._handle()
        self._files[handle] = os.open(path, flags | os.O_NOCTTY | os.O_CLOEXEC, mode)
        return _HANDLE, text(handle)

    def _handle(self) -> bytes:
        self._last += 1
        return b"%d" % self._last

    def _close(self, reader: Reader) -> Reply:
        handle = reader.text()
        if handle in self._directories:
            del self._directories[handle]
        else:
            os.close(self._files.pop(handle, -1))
        return _done()

    def _file(self, reader: Reader) -> int:
        """Of one that is not open the kernel says so: EBADF."""
        return self._files.get(reader.text(), -1)

    def _read(self, reader: Reader) -> Reply:
        file, offset, length = self._file(reader), reader.long(), reader.number()
        data = os.pread(file, min(length, _LONGEST_DATA), offset)
        return (_DATA, text(data)) if data or not length else _status(_EOF, "end of file")

    def _write(self, reader: Reader) -> Reply:
        file, offset, data = self._file(reader), reader.long(), memoryview(reader.text())
        while data:
            written = os.pwrite(file, data, offset)
            offset, data = offset + written, data[written:]
        return _done()

    def _sync(self, reader: Reader) -> Reply:
        os.fsync(self._file(reader))
        return _done()

    # What files are.

    def _stat(self, reader: Reader) -> Reply:
        return _ATTRIBUTES, packed_attributes(os.stat(reader.text()))

    def _stat_link(self, reader: Reader) -> Reply:
        return _ATTRIBUTES, packed_attributes(os.lstat(reader.text()))

    def _stat_file(self, reader: Reader) -> Reply:
        return _ATTRIBUTES, packed_attributes(os.fstat(self._file(reader)))

    def _set(self, reader: Reader) -> Reply:
        return _change(reader.text(), reader.attributes())

    def _set_file(self, reader: Reader) -> Reply:
        return _change(self._file(reader), reader.attributes())

    # Directories.

    def _open_directory(self, reader: Reader) -> Reply:
        if len(self._files) + len(self._directories) >= _MOST_HANDLES:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        path, handle = reader.text(), self._handle()
        self._directories[handle] = os.scandir(path)
        return _HANDLE, text(handle)

    def _read_directory(self, reader: Reader) -> Reply:
        entries = self._directories.get(reader.text())
        if entries is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        names: list[bytes] = []
        for entry in entries:
            with suppress(FileNotFoundError):
                names.append(_listed(entry.name, entry.stat(follow_symlinks=False)))
            if len(names) == _NAMES_A_REPLY:
                break
        if not names:
            return _status(_EOF, "end of directory")
        return _NAME, struct.pack(">I", len(names)) + b"".join(names)

    def _make_directory(self, reader: Reader) -> Reply:
        path, attributes = reader.text(), reader.attributes()
        os.mkdir(path, 0o777 if attributes.mode is None else attributes.mode & 0o7777)
        return _done()

    def _remove_directory(self, reader: Reader) -> Reply:
        os.rmdir(reader.text())
        return _done()

    # Names.

    def _remove(self, reader: Reader) -> Reply:
        os.unlink(reader.text())
        return _done()

    def _rename(self, reader: Reader) -> Reply:
        old, new = reader.text(), reader.text()
        if os.path.lexists(new):
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
        os.rename(old, new)
        return _done()

    def _replace(self, reader: Reader) -> Reply:
        os.rename(reader.text(), reader.text())
        return _done()

    def _link(self, reader: Reader) -> Reply:
        os.link(reader.text(), reader.text(), follow_symlinks=False)
        return _done()

    def _link_symbolically(self, reader: Reader) -> Reply:
        """OpenSSH's clients and server have the target first, other than the draft."""
        os.symlink(reader.text(), reader.text())
        return _done()

    def _read_link(self, reader: Reader) -> Reply:
        return _one_name(os.readlink(reader.text()))

    def _real_path(self, reader: Reader) -> Reply:
        return _one_name(os.path.realpath(reader.text() or b"."))

    def _expand(self, reader: Reader) -> Reply:
        """C{~} is the working directory: there is only one user."""
        path = reader.text()
        if path == b"~" or path.startswith(b"~/"):
            path = b"." + path[1:]
        return _one_name(os.path.realpath(path))

    def _limits(self, reader: Reader) -> Reply:
        return _EXTENDED_REPLY, struct.pack(
            ">4Q", _LONGEST_PACKET, _LONGEST_DATA, _LONGEST_DATA, _MOST_HANDLES
        )

    def _extended(self, reader: Reader) -> Reply:
        return self._extensions.get(reader.text(), self._unknown)(reader)


def _change(file: bytes | int, attributes: Attributes) -> Reply:
    if attributes.size is not None:
        os.truncate(file, attributes.size)
    if attributes.owner is not None:
        os.chown(file, *attributes.owner)
    if attributes.mode is not None:
        os.chmod(file, attributes.mode & 0o7777)
    if attributes.times is not None:
        os.utime(file, attributes.times)
    return _done()


def _listed(name: bytes, facts: os.stat_result) -> bytes:
    """A name with what ls(1) would say of it."""
    when = time.strftime(
        "%b %e %H:%M" if facts.st_mtime > time.time() - 15_000_000 else "%b %e  %Y",
        time.localtime(facts.st_mtime),
    )
    line = (
        f"{stat.filemode(facts.st_mode)} {facts.st_nlink:4} {facts.st_uid:<8} {facts.st_gid:<8} "
        f"{facts.st_size:>10} {when} "
    )
    return text(name) + text(line.encode() + name) + packed_attributes(facts)


def _one_name(name: bytes) -> Reply:
    return _NAME, struct.pack(">I", 1) + text(name) + text(name) + struct.pack(">I", 0)


def _done() -> Reply:
    return _status(_OK, "done")


def _status(code: int, message: str) -> Reply:
    return _STATUS, struct.pack(">I", code) + text(message.encode()) + text(b"en")


def main() -> None:
    """Serve until the client has had enough; what is no packet ends it with 1."""
    transfer = FileTransfer()
    os.umask(0o022)
    confine()
    with suppress(OSError):
        os.chdir(sys.argv[1])
    while len(head := sys.stdin.buffer.read(4)) == 4:
        (length,) = struct.unpack(">I", head)
        if not 0 < length <= _LONGEST_PACKET:
            sys.exit(1)
        packet = sys.stdin.buffer.read(length)
        if len(packet) < length:
            break
        try:
            reply = transfer.answer(packet)
        except ValueError:
            sys.exit(1)
        sys.stdout.buffer.write(struct.pack(">I", len(reply)) + reply)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
