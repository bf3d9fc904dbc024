"""TLS: what is negotiated, what is refused at start, and what a renewal changes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.settings.settings import parse_settings
from httpd.listening.tls import ServerTls, TlsError, TlsFiles
from httpd.settings import cipher_suites
from tests.assisted_images.settings.test_settings import SOUND, TLS
from tests.certificates import Identity, identity


def handshake(server: ServerTls, client: SSL.Connection) -> SSL.Connection:
    """Shake hands in memory; the server's side."""
    accepted = server.connection(None)
    client.set_connect_state()
    for _ in range(10):
        for one, other in ((client, accepted), (accepted, client)):
            with contextlib.suppress(SSL.WantReadError):
                one.do_handshake()
            with contextlib.suppress(SSL.WantReadError):
                other.bio_write(one.bio_read(65536))
    return accepted


def client(
    prepare: Callable[[SSL.Context], object] = lambda context: None,
) -> SSL.Connection:
    """A client that trusts everybody."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    prepare(context)
    return SSL.Connection(context, None)


def at_most_tls12(context: SSL.Context) -> None:
    context.set_max_proto_version(SSL.TLS1_2_VERSION)


def offering(suite: str, context: SSL.Context) -> None:
    """Offer one suite of TLS 1.2, however weak."""
    at_most_tls12(context)
    context.set_cipher_list(f"{suite}:@SECLEVEL=0".encode())


class TlsTests(SynchronousTestCase):
    """A server's TLS, by handshakes in memory."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.root = identity("root", authority=True)
        self.middle = identity("middle", self.root, authority=True)
        self.leaf = identity("images.example.com", self.middle)
        self.key_file, self.certificate_file = self.leaf.write(self.directory, self.middle)

    def server(self, *, only_tls13: bool = False, suites: Sequence[str] = ()) -> ServerTls:
        return ServerTls(
            TlsFiles(
                self.key_file, self.certificate_file, only_tls13=only_tls13, suites=tuple(suites)
            )
        )

    def negotiated(self, server: ServerTls, peer: SSL.Connection) -> tuple[str, str | None]:
        handshake(server, peer)
        return peer.get_protocol_version_name(), peer.get_cipher_name()

    def test_chain_is_sent(self) -> None:
        peer = client()
        handshake(self.server(), peer)
        sent = [link.to_cryptography() for link in peer.get_peer_cert_chain() or ()]
        self.assertEqual(sent, [self.leaf.certificate, self.middle.certificate])

    def test_what_the_settings_say(self) -> None:
        """They are asked by the names of their attributes, or of what is known of them."""
        suites = "TLS_AES_128_GCM_SHA256"
        texts = {
            **SOUND,
            **TLS,
            "TLS_MIN_VERSION": "VersionTLS13",
            "TLS_CIPHER_SUITES": suites,
        }
        files = TlsFiles.of(partial(getattr, parse_settings(texts)))
        key_file, certificate_file = Path(TLS["HTTPS_KEY_FILE"]), Path(TLS["HTTPS_CERT_FILE"])
        expected = TlsFiles(key_file, certificate_file, only_tls13=True, suites=(suites,))
        self.assertEqual(files, expected)
        known = {"https_key_file": key_file, "https_cert_file": certificate_file}
        self.assertEqual(TlsFiles.of(known.get), TlsFiles(key_file, certificate_file))
        self.assertIsNone(TlsFiles.of({"https_key_file": key_file}.get))
        self.assertIsNone(TlsFiles.of(partial(getattr, parse_settings(SOUND))))

    def test_newest_version_is_taken(self) -> None:
        self.assertEqual(self.negotiated(self.server(), client())[0], "TLSv1.3")
        self.assertEqual(self.negotiated(self.server(), client(at_most_tls12))[0], "TLSv1.2")

    def test_minimum_version(self) -> None:
        with self.assertRaises(SSL.Error):
            self.negotiated(self.server(only_tls13=True), client(at_most_tls12))
        self.assertEqual(self.negotiated(self.server(only_tls13=True), client())[0], "TLSv1.3")

    def test_tls11_is_refused(self) -> None:
        def old(context: SSL.Context) -> None:
            context.set_max_proto_version(SSL.TLS1_1_VERSION)
            context.set_cipher_list(b"ALL:@SECLEVEL=0")

        with self.assertRaises(SSL.Error):
            self.negotiated(self.server(), client(old))

    def test_suites(self) -> None:
        suites = ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
        server = self.server(suites=suites)
        self.assertEqual(
            self.negotiated(server, client()), ("TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256")
        )
        self.assertEqual(
            self.negotiated(server, client(at_most_tls12)),
            ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        )

        def other(context: SSL.Context) -> None:
            at_most_tls12(context)
            context.set_cipher_list(b"ECDHE-ECDSA-AES128-GCM-SHA256")

        with self.assertRaises(SSL.Error):
            self.negotiated(server, client(other))

    def test_suites_by_default(self) -> None:
        """With forward secrecy and authenticated encryption, and no others."""
        server = self.server()
        for name in cipher_suites.TLS12.values():
            modern = name.startswith("ECDHE-ECDSA") and ("GCM" in name or "POLY1305" in name)
            try:
                found = self.negotiated(server, client(partial(offering, name)))[1]
            except SSL.Error:
                found = None
            self.assertEqual(found, name if modern else None)

    def test_groups(self) -> None:
        """Mozilla's "intermediate" has no others."""
        for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()):
            peer = client(partial(SSL.Context.set_tmp_ecdh, curve=curve))
            if isinstance(curve, ec.SECP521R1):
                with self.assertRaises(SSL.Error):
                    self.negotiated(self.server(), peer)
            else:
                self.assertEqual(self.negotiated(self.server(), peer)[0], "TLSv1.3")

    def test_suites_of_tls13_alone_refuse_tls12(self) -> None:
        server = self.server(suites=["TLS_AES_128_GCM_SHA256"])
        self.assertEqual(self.negotiated(server, client())[1], "TLS_AES_128_GCM_SHA256")
        with self.assertRaises(SSL.Error):
            self.negotiated(server, client(at_most_tls12))

    def test_suites_of_tls12_alone_leave_tls13_as_it_is(self) -> None:
        server = self.server(suites=["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"])
        self.assertEqual(self.negotiated(server, client())[0], "TLSv1.3")

    def test_alpn_is_http_1_1_only(self) -> None:
        def offer(context: SSL.Context) -> None:
            context.set_alpn_protos([b"h2", b"http/1.1"])

        peer = client(offer)
        handshake(self.server(), peer)
        self.assertEqual(peer.get_alpn_proto_negotiated(), b"http/1.1")

    def test_client_that_speaks_another_protocol(self) -> None:
        """It is told of none, and may try HTTP/1.1."""

        def offer(context: SSL.Context) -> None:
            context.set_alpn_protos([b"h2"])

        peer = client(offer)
        handshake(self.server(), peer)
        self.assertEqual(peer.get_alpn_proto_negotiated(), b"")

    def test_client_without_alpn(self) -> None:
        peer = client()
        handshake(self.server(), peer)
        self.assertEqual(peer.get_alpn_proto_negotiated(), b"")

    def test_modes(self) -> None:
        """OpenSSL sends all that it is given, and takes the same again from another place."""
        partial_write, moving_buffer = 1, 2  # openssl/ssl.h
        modes = self.server().files.context().set_mode(0)
        self.assertEqual(modes & (partial_write | moving_buffer), moving_buffer)

    def peer_certificate(self, server: ServerTls) -> object:
        peer = client()
        handshake(server, peer)
        certificate = peer.get_peer_certificate()
        assert certificate is not None
        return certificate.to_cryptography()

    def test_renewal(self) -> None:
        server = self.server()
        renewed = identity("images.example.com", self.middle, days=30)
        renewed.write(self.directory, self.middle)
        for served in (self.leaf.certificate, renewed.certificate):
            self.assertEqual(self.peer_certificate(server), served)
            self.assertEqual(server.expiry(), served.not_valid_after_utc.timestamp())
            server.use(server.files.context())

    def test_connections_go_on_through_a_renewal(self) -> None:
        server = self.server()
        peer = client()
        accepted = handshake(server, peer)
        identity("images.example.com", self.middle).write(self.directory, self.middle)
        server.use(server.files.context())
        accepted.send(b"still here")
        peer.bio_write(accepted.bio_read(65536))
        self.assertEqual(peer.recv(100), b"still here")


class RefusedFilesTests(SynchronousTestCase):
    """What cannot be used is refused at start, and the text says which file and why."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.identity: Identity = identity("images.example.com")
        self.key_file, self.certificate_file = self.identity.write(self.directory)

    def refusal(self, suites: Sequence[str] = ()) -> str:
        with self.assertRaises(TlsError) as caught:
            TlsFiles(self.key_file, self.certificate_file, suites=suites).context()
        return str(caught.exception)

    def test_absent(self) -> None:
        self.certificate_file.unlink()
        self.assertEqual(
            self.refusal(), f"{self.certificate_file} cannot be read: No such file or directory"
        )
        self.identity.write(self.directory)
        self.key_file.unlink()
        self.assertEqual(
            self.refusal(), f"{self.key_file} cannot be read: No such file or directory"
        )

    def test_no_certificate(self) -> None:
        for content in (
            b"",
            b"text",
            self.identity.key_pem(),
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ):
            self.certificate_file.write_bytes(content)
            self.assertEqual(
                self.refusal(),
                f"{self.certificate_file} is no PEM certificate; expected one or more blocks BEGIN"
                " CERTIFICATE",
            )

    def test_no_key(self) -> None:
        for content in (
            b"",
            b"text",
            self.identity.certificate_pem,
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ):
            self.key_file.write_bytes(content)
            self.assertEqual(
                self.refusal(),
                f"{self.key_file} is no PEM private key; expected a block BEGIN PRIVATE KEY",
            )

    def test_encrypted_key(self) -> None:
        """Nobody is asked for a passphrase: a service has no terminal."""
        self.key_file.write_bytes(self.identity.key_pem(b"passphrase"))
        self.assertEqual(
            self.refusal(), f"{self.key_file} is encrypted; expected a key without a passphrase"
        )

    def test_mismatch(self) -> None:
        self.key_file.write_bytes(identity("other").key_pem())
        self.assertIn("does not belong to the key in", self.refusal())

    def test_chain_before_the_certificate(self) -> None:
        other = identity("root", authority=True)
        self.certificate_file.write_bytes(other.certificate_pem + self.identity.certificate_pem)
        self.assertIn("expected the service's own certificate first", self.refusal())


class CipherSuiteNamesTests(SynchronousTestCase):
    """The table agrees with OpenSSL, which knows the IANA names too."""

    def test_names_of_tls12(self) -> None:
        def offered(name: str) -> list[str]:
            context = SSL.Context(SSL.TLS_SERVER_METHOD)
            context.set_cipher_list(name.encode())
            found = SSL.Connection(context, None).get_cipher_list()
            return [suite for suite in found if not suite.startswith("TLS_")]

        for iana, openssl in cipher_suites.TLS12.items():
            if iana.endswith("POLY1305"):  # Go's own names
                iana += "_SHA256"  # noqa: PLW2901
            self.assertEqual(offered(iana), [openssl])
            self.assertEqual(offered(openssl), [openssl])

    def test_names_of_tls13(self) -> None:
        for name in cipher_suites.TLS13:
            context = SSL.Context(SSL.TLS_SERVER_METHOD)
            context.set_tls13_ciphersuites(name.encode())
            self.assertIn(name, SSL.Connection(context, None).get_cipher_list())

    def test_retired_names_are_in_no_other_table(self) -> None:
        self.assertFalse(cipher_suites.RETIRED & {*cipher_suites.TLS12, *cipher_suites.TLS13})
