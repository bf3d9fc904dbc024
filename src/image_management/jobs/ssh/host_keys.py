"""
The keys by which clients know this host: made once, so that they can be pinned.

They are files as ssh-keygen(1) makes them, C{ssh_host_ed25519_key} and C{ssh_host_ecdsa_key}, each
with its public half beside it in C{.pub}.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from twisted.conch.ssh.keys import BadKeyError, EncryptedKeyError, Key

_PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey

_KINDS: dict[str, Callable[[], _PrivateKey]] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    # Clients that are held to FIPS 186-4 know no Ed25519.
    "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
}


class BadHostKey(Exception):
    """A file is no private key; the text says which."""


@dataclass(frozen=True, slots=True)
class HostKeys:
    """The private keys of this host, by their type, such as C{ssh-ed25519}."""

    private: dict[bytes, Key] = field(repr=False)


def load_host_keys(folder: Path) -> HostKeys:
    """
    The keys in a folder; those that are not there are made.  Blocking, some milliseconds.

    @raise BadHostKey: a file holds something else.
    @raise OSError: the folder cannot be read or written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = [load_key(folder / f"ssh_host_{kind}_key", kind) for kind in _KINDS]
    return HostKeys({key.sshType(): key for key in keys})


def load_key(path: Path, kind: str) -> Key:
    """
    The private key in a file; where there is none, one is made.  Blocking.

    @param kind: C{ed25519} or C{ecdsa}.
    @raise BadHostKey: the file holds something else.
    @raise OSError: it cannot be read or written.
    """
    if not path.exists():
        _make(path, _KINDS[kind]())
    try:
        key: Key = Key.fromString(path.read_bytes())
    except (BadKeyError, EncryptedKeyError, ValueError):
        raise BadHostKey(
            f"{path} is no private key of SSH; without the file a new one is made"
        ) from None
    return key


def _make(path: Path, key: _PrivateKey) -> None:
    """Several processes may make it at the same time: the first one's stays."""
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(private)
        file.flush()
        os.fsync(file.fileno())
    try:
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(unfinished)
            path.with_suffix(".pub").write_bytes(public + b"\n")
    finally:
        unfinished.unlink()
