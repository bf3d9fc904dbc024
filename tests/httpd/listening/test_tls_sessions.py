"""Sessions that clients resume, without most of what a handshake takes."""

from __future__ import annotations

import ssl
from pathlib import Path

from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread

from httpd.concurrency.threads import run_at_once
from httpd.listening.renewal import LOOK_SECONDS, TICKET_KEY_SECONDS, CertificateRenewal
from httpd.listening.tls import TlsFiles
from tests.httpd.streaming.tls_serving import ServedTestCase
from tests.transports import server_identity

_VERSIONS = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


class SessionTests(ServedTestCase):
    def setUp(self) -> None:
        self.serve(echo=True)
        directory = Path(self.mktemp())
        directory.mkdir()
        self.files = TlsFiles(*server_identity().write(directory))

    def connect(
        self, context: ssl.SSLContext, session: ssl.SSLSession | None = None
    ) -> tuple[ssl.SSLSession | None, bool]:
        """
        Talk, by which the ticket comes; blocking.

        @return: the session of this connection, and whether it went on with the other.
        """
        with (
            self.bare() as bare,
            context.wrap_socket(bare, server_hostname="localhost", session=session) as client,
        ):
            client.sendall(b"x")
            client.recv(1)
            return client.session, bool(client.session_reused)

    def context(self, version: ssl.TLSVersion) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=server_identity().certificate_pem.decode())
        context.minimum_version = context.maximum_version = version
        return context

    async def test_resumed(self) -> None:
        """Again and again: each connection gives a ticket for the next."""
        for version in _VERSIONS:
            context = self.context(version)
            session, _ = await deferToThread(self.connect, context)
            for _ in range(3):
                session, resumed = await deferToThread(self.connect, context, session)
                self.assertTrue(resumed, version)

    async def test_ticket_of_another_key(self) -> None:
        """As after a renewal, of an earlier process or of another worker: a whole handshake."""
        for version in _VERSIONS:
            context = self.context(version)
            session, _ = await deferToThread(self.connect, context)
            self.tls.use(self.files.context())
            _, resumed = await deferToThread(self.connect, context, session)
            self.assertFalse(resumed, version)

    async def test_keys_are_changed(self) -> None:
        clock = Clock()
        self.tls.files, self.tls.fingerprint = self.files, self.files.fingerprint()
        renewal = CertificateRenewal(self.tls, clock, run_at_once)
        renewal.startService()
        self.addCleanup(renewal.stopService)
        context = self.context(ssl.TLSVersion.TLSv1_3)
        session, _ = await deferToThread(self.connect, context)
        clock.advance(LOOK_SECONDS)
        session, resumed = await deferToThread(self.connect, context, session)
        self.assertTrue(resumed)
        clock.advance(TICKET_KEY_SECONDS)
        session, resumed = await deferToThread(self.connect, context, session)
        self.assertFalse(resumed)
        _, resumed = await deferToThread(self.connect, context, session)
        self.assertTrue(resumed)
