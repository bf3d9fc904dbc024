"""
TLS for listeners: certificate chain, versions and cipher suites, and connections whose certificate
can be renewed while they go on.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from OpenSSL._util import lib
from OpenSSL.crypto import X509, PKey
from twisted.internet.ssl import AcceptableCiphers, CertificateOptions, TLSVersion

from httpd.settings import cipher_suites
from httpd.settings.readers import TlsVersion
from httpd.texts import os_error_text

_ALPN = b"http/1.1"
"""HTTP/2 through Twisted has a quarter of HTTP/1.1's throughput."""

_GROUPS = b"?X25519MLKEM768:X25519:prime256v1:secp384r1"
"""Groups for the key exchange, as Mozilla's "intermediate" has them; C{?}: if OpenSSL knows it."""

_PARTIAL_WRITES = 1
"""
C{SSL_MODE_ENABLE_PARTIAL_WRITE} (openssl/ssl.h), which pyOpenSSL sets: OpenSSL returns after each
record of 16 KiB.
"""


class TlsError(Exception):
    """Certificate, key or cipher suites cannot be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where a listener's certificate is, and how it speaks TLS."""

    key_file: Path
    """The private key, PEM, without a passphrase."""

    certificate_file: Path
    """The certificate, PEM, and behind it its chain, each signed by the next."""

    only_tls13: bool = False
    """Whether TLS 1.2 is refused."""

    suites: Sequence[str] = ()
    """
    IANA names of cipher suites; empty: L{cipher_suites.DEFAULT_TLS12} and TLS 1.3.  With none of
    TLS 1.3 among them its usual ones stay (Go knows no choice there), with none of TLS 1.2 that
    version is refused.
    """

    @classmethod
    def of(cls, setting: Callable[[str], Any]) -> TlsFiles | None:
        """
        What the settings say; L{None} where there is to be no TLS.

        @param setting: gives a setting by the name of
            its L{key<httpd.settings.setting.Setting.key>};
            L{None} for one that could not be read.
        """
        key_file, certificate_file = setting("https_key_file"), setting("https_cert_file")
        if key_file is None or certificate_file is None:
            return None
        return cls(
            key_file,
            certificate_file,
            only_tls13=setting("tls_min_version") is TlsVersion.TLS13,
            suites=setting("tls_cipher_suites") or (),
        )

    def fingerprint(self) -> str:
        """Names what is in the files now; blocking, like L{context}."""
        digest = hashlib.sha256()
        for file in (self.key_file, self.certificate_file):
            try:
                content = file.read_bytes()
            except OSError as error:
                content = repr(error).encode()
            digest.update(b"%d " % len(content) + content)
        return digest.hexdigest()

    def context(self) -> SSL.Context:
        """
        Read the files.

        @raise TlsError: they cannot be used.
        """
        first, *chain = _certificates(self.certificate_file)
        key = _private_key(self.key_file)
        if first.public_key() != key.public_key():
            raise TlsError(
                f"the first certificate in {self.certificate_file} does not belong to the key in"
                f" {self.key_file}; expected the service's own certificate first, and its chain"
                " behind it"
            )
        return self._context(
            PKey.from_cryptography_key(key),
            X509.from_cryptography(first),
            [X509.from_cryptography(link) for link in chain],
        )

    def _context(self, key: PKey, certificate: X509, chain: list[X509]) -> SSL.Context:
        old = [name for name in self.suites if name in cipher_suites.TLS12]
        new = [name for name in self.suites if name in cipher_suites.TLS13]
        only_tls13 = self.only_tls13 or (bool(new) and not old)
        ciphers = [cipher_suites.TLS12[name] for name in old or cipher_suites.DEFAULT_TLS12]
        try:
            context: SSL.Context = CertificateOptions(
                privateKey=key,
                certificate=certificate,
                extraCertChain=chain,
                raiseMinimumTo=TLSVersion.TLSv1_3 if only_tls13 else TLSVersion.TLSv1_2,
                acceptableCiphers=AcceptableCiphers.fromOpenSSLCipherString(":".join(ciphers)),
                enableSessions=True,
                enableSessionTickets=True,
            ).getContext()
            if new:
                context.set_tls13_ciphersuites(":".join(new).encode("ascii"))
        except (SSL.Error, ValueError) as error:
            raise TlsError(
                f"OpenSSL refuses {self.certificate_file} with the cipher suites"
                f" {', '.join(self.suites) or 'by default'}: {_reason(error)}"
            ) from None
        # A client keeps its session by itself, in a ticket.
        context.set_session_cache_mode(SSL.SESS_CACHE_SERVER | SSL.SESS_CACHE_NO_INTERNAL)
        _choose_groups(context)
        context.set_alpn_select_callback(_choose_protocol)
        context.clear_mode(_PARTIAL_WRITES)
        context.set_options(SSL.OP_IGNORE_UNEXPECTED_EOF)
        return context


def tls_problems(setting: Callable[[str], Any]) -> Iterator[str]:
    """
    What is wrong with the files of a listener's certificate, one line for all of it.

    @param setting: as L{TlsFiles.of} has it.
    """
    files = TlsFiles.of(setting)
    if files is not None:
        try:
            files.context()
        except TlsError as error:
            yield f"HTTPS_KEY_FILE, HTTPS_CERT_FILE: {error}"


class ServerTls:
    """
    Makes the server's side of TLS connections, with the certificate that is current when the
    connection is made.
    """

    def __init__(self, files: TlsFiles) -> None:
        """
        @raise TlsError: the files cannot be used.
        """
        self.files = files
        self.fingerprint = files.fingerprint()
        """What was in the files when the service was made."""
        self._context = files.context()

    @classmethod
    def of(cls, setting: Callable[[str], Any]) -> ServerTls | None:
        """
        The TLS that the settings ask for; L{None} where there is to be none.

        @param setting: as L{TlsFiles.of} has it.
        @raise TlsError: the files cannot be used.
        """
        files = TlsFiles.of(setting)
        return None if files is None else cls(files)

    def use(self, context: SSL.Context) -> None:
        """Take C{context} for connections from now on; those that are open go on."""
        self._context = context

    def expiry(self) -> float:
        """When the certificate expires that new connections get, in seconds since the epoch."""
        certificate = self.connection(None).get_certificate()
        assert certificate is not None, "a context for a server has one"
        return certificate.to_cryptography().not_valid_after_utc.timestamp()

    def connection(self, socket: socket.socket | None) -> SSL.Connection:
        """TLS on a socket, or in memory, before the handshake."""
        connection = SSL.Connection(self._context, socket)
        connection.set_accept_state()
        return connection


def _choose_protocol(_: SSL.Connection, offered: Sequence[bytes]) -> Any:
    """Agree on a protocol with a client that speaks ALPN; without one it is HTTP/1.1, too."""
    return _ALPN if _ALPN in offered else SSL.NO_OVERLAPPING_PROTOCOLS


def _choose_groups(context: SSL.Context) -> None:
    """Offer L{_GROUPS} alone.  pyOpenSSL has a word for one group, and none for several."""
    choose = getattr(lib, "SSL_CTX_set1_curves_list", None)
    if choose is not None and not choose(context._context, _GROUPS):
        lib.ERR_clear_error()  # an older OpenSSL, whose usual groups do as well


def _certificates(file: Path) -> list[x509.Certificate]:
    """The certificates in a file, at least one."""
    try:
        return x509.load_pem_x509_certificates(_read(file))
    except ValueError:
        raise TlsError(
            f"{file} is no PEM certificate; expected one or more blocks BEGIN CERTIFICATE"
        ) from None


_Key = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey | Ed448PrivateKey


def _private_key(file: Path) -> _Key:
    # The errors' own texts are left out: they might quote what was read.
    try:
        key = load_pem_private_key(_read(file), None)
    except TypeError:
        raise TlsError(f"{file} is encrypted; expected a key without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise TlsError(
            f"{file} is no PEM private key; expected a block BEGIN PRIVATE KEY"
        ) from None
    if not isinstance(key, _Key):
        raise TlsError(f"{file} is a key that TLS cannot use; expected RSA, ECDSA or EdDSA")
    return key


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise TlsError(f"{file} cannot be read: {os_error_text(error)}") from None


def _reason(error: Exception) -> str:
    """OpenSSL's words, out of pyOpenSSL's list of (library, function, reason)."""
    match error:
        case SSL.Error(args=([*entries],)):
            return "; ".join(str(entry[-1]) for entry in entries)
    return str(error)
