"""Whom outbound TLS trusts: the system's roots, a bundle besides or instead, or everybody."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates
from OpenSSL import SSL

# Twisted has two public makers of trust roots, and no public way to have both of what they make.
from twisted.internet._sslverify import IOpenSSLTrustRoot
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    PrivateCertificate,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.web.client import BrowserLikePolicyForHTTPS, HostnameCachingHTTPSPolicy
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer


@implementer(IOpenSSLTrustRoot)
class _SystemRootsAnd:
    """A trust root: the system's certificate authorities, and those of a bundle."""

    def __init__(self, bundle: Path) -> None:
        self._bundle = str(bundle)
        # Fail now rather than with the first connection.
        SSL.Context(SSL.TLS_CLIENT_METHOD).load_verify_locations(self._bundle)

    def _addCACertsToContext(self, context: SSL.Context) -> None:  # noqa: N802
        platformTrust()._addCACertsToContext(context)
        context.load_verify_locations(self._bundle)


@implementer(IOpenSSLClientConnectionCreator)
class _Unverified:
    """Makes connections whose certificates nobody looks at."""

    def __init__(self, hostname: str) -> None:
        self._hostname = hostname
        self._context: SSL.Context = CertificateOptions(verify=False).getContext()

    def clientConnectionForTLS(  # noqa: N802
        self,
        tlsProtocol: TLSMemoryBIOProtocol,  # noqa: N803
    ) -> SSL.Connection:
        """A connection that names the host (RFC 6066, section 3) and verifies nothing."""
        connection = SSL.Connection(self._context, None)
        if not (isIPAddress(self._hostname) or isIPv6Address(self._hostname)):
            connection.set_tlsext_host_name(self._hostname.encode("ascii"))
        return connection


@implementer(IPolicyForHTTPS)
class _TrustEverybody:
    def creatorForNetloc(  # noqa: N802
        self, hostname: bytes, port: int
    ) -> IOpenSSLClientConnectionCreator:
        return _Unverified(hostname.decode("ascii"))


@implementer(IPolicyForHTTPS)
class _TrustSome:
    """Trusts some authorities and no others, and shows a certificate to who asks for one."""

    def __init__(
        self,
        authorities: IOpenSSLTrustRoot,
        own: PrivateCertificate | None,
        name: str | None,
    ) -> None:
        self._authorities = authorities
        self._own = own
        self._name = name

    def creatorForNetloc(  # noqa: N802
        self, hostname: bytes, port: int
    ) -> IOpenSSLClientConnectionCreator:
        creator: IOpenSSLClientConnectionCreator = optionsForClientTLS(
            self._name or hostname.decode("ascii"),
            trustRoot=self._authorities,
            clientCertificate=self._own,
        )
        return creator


def private_policy(
    authorities: bytes | None, own: bytes | None = None, name: str | None = None
) -> IPolicyForHTTPS:
    """
    Whom to trust where that is one server's own matter.

    @param authorities: PEM certificates of those that are trusted, and no others; C{None}: the
        system's.
    @param own: the PEM certificate, and private key, by which the server knows us.
    @param name: whom the server's certificate has to be for; C{None}: the URL's host.
    @raise ValueError: there is no certificate, or no key, where there should be.
    """
    try:
        root = (
            platformTrust()
            if authorities is None
            else trustRootFromCertificates(
                [
                    Certificate.load(one.public_bytes(Encoding.DER))
                    for one in load_pem_x509_certificates(authorities)
                ]
            )
        )
    except ValueError:
        raise ValueError("its certificate authority is no PEM certificate") from None
    try:
        shown = None if own is None else _own_certificate(own)
    except (ValueError, TypeError, SSL.Error):
        raise ValueError(
            "its client certificate and key are none in PEM without a passphrase"
        ) from None
    return HostnameCachingHTTPSPolicy(_TrustSome(root, shown, name))


def _own_certificate(pem: bytes) -> PrivateCertificate:
    """
    A certificate and its key.  OpenSSL would ask the terminal for a passphrase: so look before.
    """
    load_pem_private_key(pem, None)
    certificate: PrivateCertificate = PrivateCertificate.loadPEM(pem)
    return certificate


def tls_policy(bundle: Path | None = None, *, verify: bool = True) -> IPolicyForHTTPS:
    """
    Whom to trust.

    @param bundle: PEM certificates of authorities that are trusted besides the system's.
    @param verify: whether certificates and host names are looked at; when not, no bundle matters.
    @raise ValueError: C{bundle} cannot be read, or holds no certificate.
    """
    policy: IPolicyForHTTPS
    if not verify:
        policy = _TrustEverybody()
    elif bundle is None:
        policy = BrowserLikePolicyForHTTPS()
    else:
        try:
            policy = BrowserLikePolicyForHTTPS(_SystemRootsAnd(bundle))
        except SSL.Error:
            raise ValueError(
                f"{bundle} cannot be read as PEM certificates; expected a file with one or more"
                " blocks BEGIN CERTIFICATE"
            ) from None
    # Reading the system's roots takes a while: once a host is enough.
    return HostnameCachingHTTPSPolicy(policy)
