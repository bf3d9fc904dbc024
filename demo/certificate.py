"""
A development certificate: an authority of its own and a certificate of that for this machine.

C{python -m demo.certificate DIRECTORY} writes C{ca.crt}, C{service.crt} (the certificate and the
authority's) and C{service.key}.  The authority's key is thrown away: it can sign nothing else.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

QEMU_HOST = "10.0.2.2"
"""This machine, seen from the user-mode network of a QEMU virtual machine."""

_VALID_FOR = timedelta(days=90)
_SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where the PEM files are."""

    authority: Path
    """For clients: C{curl --cacert}."""

    certificate: Path
    """For the service: C{HTTPS_CERT_FILE}; the chain, this machine's certificate first."""

    key: Path
    """For the service: C{HTTPS_KEY_FILE}."""


def development_certificate(
    directory: Path, names: Iterable[str] = (), now: datetime | None = None
) -> CertificateFiles:
    """
    The development certificate in C{directory}, made when it is missing or about to expire.

    @param names: host names and addresses that it is for, besides those of the local host.
    """
    now = now or datetime.now(UTC)
    files = CertificateFiles(
        directory / "ca.crt", directory / "service.crt", directory / "service.key"
    )
    if not _is_valid(files, now + timedelta(days=1)):
        _write(files, [*_local_names(), *names], now)
    return files


def _local_names() -> list[str]:
    names = ["localhost", "127.0.0.1", "::1", QEMU_HOST, socket.gethostname(), socket.getfqdn()]
    return list(dict.fromkeys(name for name in names if name.isascii()))


def _is_valid(files: CertificateFiles, at: datetime) -> bool:
    if not (files.authority.exists() and files.key.exists() and files.certificate.exists()):
        return False
    try:
        # It is written last; Ctrl-C may have left a part of it.
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    except ValueError:
        return False
    return certificate.not_valid_after_utc > at


def _write(files: CertificateFiles, names: list[str], now: datetime) -> None:
    authority_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = _name("assisted-images development authority")
    authority = (
        _draft(issuer, issuer, authority_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    certificate = (
        _draft(_name("assisted-images"), issuer, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
            critical=False,
        )
        .add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    files.key.parent.mkdir(parents=True, exist_ok=True)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with open(files.key, "wb", opener=_private_opener) as target:
        target.write(private)
    files.authority.write_bytes(authority.public_bytes(Encoding.PEM))
    chain = certificate.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM)
    files.certificate.write_bytes(chain)


def _private_opener(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _draft(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _VALID_FOR)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


if __name__ == "__main__":
    made = development_certificate(Path(sys.argv[1]), sys.argv[2:])
    print(f"Certificate {made.certificate}, key {made.key}; clients trust {made.authority}")
