"""Looking at a certificate's files, and what is taken from them."""

from __future__ import annotations

from pathlib import Path

from OpenSSL import SSL
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from httpd.concurrency.threads import run_at_once
from httpd.listening.renewal import LOOK_SECONDS, CertificateRenewal
from httpd.listening.tls import ServerTls, TlsFiles
from tests.certificates import Identity, identity
from tests.httpd.listening.test_tls import client, handshake


class RenewalTests(SynchronousTestCase):
    """A service that looks, by a clock of the test's."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.first = identity("images.example.com")
        self.tls = ServerTls(TlsFiles(*self.first.write(self.directory)))
        self.clock = Clock()
        self.service = CertificateRenewal(self.tls, self.clock, run_at_once)
        self.service.startService()
        self.addCleanup(self.service.stopService)

    def look(self) -> list[LogEvent]:
        """Let time pass until the next look; what is logged then."""
        with capturedLogs() as events:
            self.clock.advance(LOOK_SECONDS)
        return [event for event in events if "renewal" in event["log_namespace"]]

    def renew(self) -> Identity:
        new = identity("images.example.com")
        new.write(self.directory)
        return new

    def shown(self) -> object:
        """The certificate that a new connection gets."""
        peer = client()
        handshake(self.tls, peer)
        certificate = peer.get_peer_certificate()
        assert certificate is not None
        return certificate.to_cryptography()

    def test_new_certificate(self) -> None:
        new = self.renew()
        self.assertEqual(self.shown(), self.first.certificate)
        (event,) = self.look()
        self.assertEqual(event["log_level"], LogLevel.info)
        self.assertEqual(self.shown(), new.certificate)

    def test_nothing_new(self) -> None:
        """Files that are written again with the same content are not new."""
        self.first.write(self.directory)
        self.assertEqual(self.look(), [])

    def test_broken_pair(self) -> None:
        """It leaves the old certificate, and is logged once until it changes again."""
        (self.directory / "images.example.com.key").write_bytes(identity("other").key_pem())
        (event,) = self.look()
        self.assertEqual(event["log_level"], LogLevel.error)
        self.assertIn("does not belong to the key", event["reason"])
        self.assertEqual(self.look(), [])
        (self.directory / "images.example.com.pem").unlink()
        (event,) = self.look()
        self.assertIn("cannot be read", event["reason"])
        self.assertEqual(self.look(), [])
        self.assertEqual(self.shown(), self.first.certificate)
        new = self.renew()
        (event,) = self.look()
        self.assertEqual(self.shown(), new.certificate)

    def test_connections_go_on(self) -> None:
        peer = client()
        accepted: SSL.Connection = handshake(self.tls, peer)
        self.renew()
        self.look()
        accepted.send(b"still here")
        peer.bio_write(accepted.bio_read(65536))
        self.assertEqual(peer.recv(100), b"still here")

    def test_stopped(self) -> None:
        self.service.stopService()
        self.renew()
        self.assertEqual(self.look(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])
