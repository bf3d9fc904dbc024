"""
Configurations as they lie where others can read: sealed, and in places that cannot be told.

From a secret that all replicas have, and from the whole question (whose configuration, of which
assisted-service, for which kind of image, with which credential), HKDF (RFC 5869) makes two things:
the name under which the answer lies, and the key that it is sealed with, by AES-256-GCM (NIST SP
800-38D).  Who has not the secret, or not the credential, can compute neither.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from assisted_images.infra_envs.configurations import ConfigurationRequest
from assisted_images.values import Configuration
from httpd.texts import os_error_text

SECRET_BYTES = 32
_KEY_BYTES = 32
_NONCE_BYTES = 12
_LARGEST_FILE = 1024

_PURPOSE = b"assisted-images configuration 1"

_FORMAT = b"2"
"""What is sealed in another way has other places, and is nothing to trip over."""

_DECODER = msgspec.msgpack.Decoder(Configuration)


class BrokenSeal(ValueError):
    """What lies there was not put there by a replica, or has been changed since."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the answer to one question lies."""

    name: str
    _cipher: AESGCM = field(repr=False)

    def sealed(self, configuration: Configuration) -> bytes:
        """What is to lie there."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        content = msgspec.msgpack.encode(configuration)
        return nonce + self._cipher.encrypt(nonce, content, self.name.encode())

    def opened(self, sealed: bytes) -> Configuration:
        """
        The configuration that L{sealed} has sealed.

        @raise BrokenSeal: it has not.
        """
        nonce, content = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return _DECODER.decode(self._cipher.decrypt(nonce, content, self.name.encode()))
        except (InvalidTag, ValueError, msgspec.MsgspecError):
            raise BrokenSeal("what lies there cannot be opened") from None


class Seals:
    """Finds the places."""

    def __init__(self, secret: bytes, source: str) -> None:
        """
        @param secret: L{SECRET_BYTES} that all replicas have.
        @param source: the URL of assisted-service: what another one answers is something else.
        """
        self._secret = secret
        self._source = hashlib.sha256(source.encode()).digest()

    def place(self, request: ConfigurationRequest) -> Place:
        """Where the answer to a question lies."""
        made = self._derived(_KEY_BYTES + 32, _FORMAT + request.digest)
        return Place(made[_KEY_BYTES:].hex(), AESGCM(made[:_KEY_BYTES]))

    @property
    def commons(self) -> str:
        """A name that replicas of the same assisted-service have in common, whatever their key."""
        return self._source[:16].hex()

    @property
    def fingerprint(self) -> bytes:
        """Tells whether others have the same secret, and nothing else of it."""
        return self._derived(16, b"fingerprint")

    def _derived(self, length: int, about: bytes) -> bytes:
        info = _PURPOSE + self._source + about
        return HKDF(SHA256(), length, salt=None, info=info).derive(self._secret)


def read_secret(path: Path) -> bytes:
    """
    The secret in a file: L{SECRET_BYTES} in base64.

    @raise ValueError: it cannot be read, or is none; nothing of its content is quoted.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST_FILE)
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read: {os_error_text(error)}; expected a file that can be"
        ) from None
    try:
        secret = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise ValueError(
            f"{path} holds no key; expected {SECRET_BYTES} random bytes in base64, as"
            f" openssl rand -base64 {SECRET_BYTES} makes them"
        )
    return secret
