"""Public keys that verify bearer tokens, out of files, and new ones while they are used."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import PyJWK
from jwt.exceptions import PyJWTError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from httpd.concurrency.coroutine_service import Background
from httpd.concurrency.threads import RunInThread
from httpd.texts import os_error_text

LOOK_SECONDS = 10.0
"""How often a file is looked at: its content, as secrets that Kubernetes mounts keep no times."""

_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512", "secp256k1": "ES256K"}


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """A key that verifies signatures; never a secret one, with which one could sign as well."""

    key: Any = field(repr=False)
    algorithms: tuple[str, ...]
    """By RFC 7518, section 3.1, and RFC 8037."""

    identifier: str | None = None
    """What tokens call it (C{kid}); C{None}: nobody has given it a name."""


def read_jwks(file: Path) -> tuple[IssuerKey, ...]:
    """
    The keys of a JSON Web Key Set (RFC 7517) that verify signatures; blocking.

    @raise ValueError: there are none; the text says why.
    """
    content = _content(file)
    try:
        given = json.loads(content)
    except ValueError:
        raise ValueError(f"{file} is no JSON; expected a JSON Web Key Set (RFC 7517)") from None
    members = given.get("keys") if isinstance(given, dict) else None
    if not isinstance(members, list):
        raise ValueError(f'{file} is no JSON Web Key Set; expected {{"keys": [...]}}')
    keys = [key for member in members if (key := _of_jwk(member)) is not None]
    if not keys:
        raise ValueError(f"{file} has no public key (RSA, EC or OKP) that verifies signatures")
    return tuple(keys)


def read_public_key(file: Path) -> tuple[IssuerKey, ...]:
    """
    The one key of a PEM file: of a public key or a certificate; blocking.

    @raise ValueError: there is none; the text says why.
    """
    content = _content(file)
    try:
        if b"CERTIFICATE" in content:
            public: Any = x509.load_pem_x509_certificate(content).public_key()
        else:
            public = load_pem_public_key(content)
        return (IssuerKey(public, _algorithms(public)),)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(
            f"{file} cannot be read as PEM; expected a block BEGIN PUBLIC KEY or BEGIN CERTIFICATE"
            " of an RSA, EC or Ed25519 key"
        ) from None


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {os_error_text(error)}") from None


def _of_jwk(member: Any) -> IssuerKey | None:
    """The key; C{None}: it is for something else, or of a type that is not known."""
    if not isinstance(member, dict) or member.get("use", "sig") != "sig":
        return None
    try:
        public = PyJWK(member).key
        algorithms = _algorithms(public)
    except (PyJWTError, ValueError, TypeError, KeyError):
        return None
    named = member.get("alg")
    if named is not None:
        algorithms = tuple(one for one in algorithms if one == named)
    kid = member.get("kid")
    return IssuerKey(public, algorithms, kid if isinstance(kid, str) else None)


def _algorithms(public: object) -> tuple[str, ...]:
    """
    What can be signed with the key's other half.

    @raise ValueError: nothing, as far as is known here.
    """
    match public:
        case RSAPublicKey():
            return "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"
        case EllipticCurvePublicKey() if public.curve.name in _CURVES:
            return (_CURVES[public.curve.name],)
        case Ed25519PublicKey() | Ed448PublicKey():
            return ("EdDSA",)
    raise ValueError("no public key that verifies signatures")


class IssuerKeys:
    """
    The keys of a file, as it is now.

    @ivar current: what was read of it last.
    """

    def __init__(self, file: Path, read: Callable[[Path], Sequence[IssuerKey]]) -> None:
        """
        Read them; blocking.

        @param read: L{read_jwks} or L{read_public_key}.
        @raise ValueError: there are none.
        """
        self.file = file
        self._read = read
        self.current = read(file)

    def read(self) -> Sequence[IssuerKey]:
        """
        Read them again, without using them yet; blocking.

        @raise ValueError: there are none.
        """
        return self._read(self.file)


class IssuerKeyRenewal(Background):
    """
    Looks at the file now and then, and takes what is new in it.  What cannot be used leaves the old
    keys where they are, and is logged once for each change.
    """

    failed = "keys of bearer tokens are not renewed any more"
    _log = Logger()

    def __init__(self, keys: IssuerKeys, clock: IReactorTime, run_in_thread: RunInThread) -> None:
        self._keys = keys
        self._clock = clock
        self._run_in_thread = run_in_thread

    async def run(self) -> None:
        """Look, until cancelled."""
        said = ""
        while True:
            await deferLater(self._clock, LOOK_SECONDS)
            try:
                self._keys.current = await self._run_in_thread(self._keys.read)
                said = ""
            except ValueError as error:
                if str(error) != said:
                    said = str(error)
                    self._log.error("keeping the old keys of bearer tokens: {reason}", reason=said)
