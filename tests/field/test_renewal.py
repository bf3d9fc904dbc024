"""Renewing the certificate of a service under load, as Kubernetes does it."""

from __future__ import annotations

import ssl
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from demo.service import ServiceProcess
from tests.certificates import Identity, identity
from tests.field import clients
from tests.field.client_case import ClientTestCase
from tests.field.service import SECONDS

_AT_ONCE = 4


class RenewalTests(ClientTestCase):
    """A mounted secret whose C{..data} is turned to another directory."""

    def setUp(self) -> None:
        super().setUp()
        self.mount = self.directory()
        for name in ("tls.key", "tls.crt"):
            (self.mount / name).symlink_to(Path("..data") / name)

    def turn(self, key: bytes, certificate: bytes) -> None:
        """Mount a new secret: both files change at once."""
        directory = self.mount / f"..{len(list(self.mount.iterdir()))}"
        directory.mkdir()
        (directory / "tls.key").write_bytes(key)
        (directory / "tls.crt").write_bytes(certificate)
        new = self.mount / "..data_tmp"
        new.symlink_to(directory.name)
        new.rename(self.mount / "..data")

    def mount_new(self) -> Identity:
        new = identity("localhost")
        self.turn(new.key_pem(), new.certificate_pem)
        return new

    async def shown(self, service: ServiceProcess) -> str:
        """The certificate that a new connection gets."""
        port = service.ports["https"]
        return await deferToThread(ssl.get_server_certificate, ("127.0.0.1", port))

    async def said(self, service: ServiceProcess, text: str, times: int) -> None:
        def told() -> bool:
            return sum(text in event["message"] for event in service.events) >= times

        await service.wait_for(told, f"say {text!r}", SECONDS)

    async def test_under_load(self) -> None:
        """
        No download breaks, not one that was begun before and ends after; new handshakes get the
        new certificate; a broken pair leaves the old one and is logged once.
        """
        first = self.mount_new()
        files = {name: str(self.mount / name) for name in ("tls.key", "tls.crt")}
        service = await self.serve_image(
            HTTPS_KEY_FILE=files["tls.key"], HTTPS_CERT_FILE=files["tls.crt"]
        )
        self.assertEqual(await self.shown(service), first.certificate_pem.decode())
        long = self.kept(clients.stalled(service, "https", self.full_iso()))
        head = await deferToThread(clients.head_of, long)
        image = (await self.get(service, self.full_iso())).body
        over = False
        whole = 0

        def download() -> None:
            nonlocal whole
            while not over:
                connection = clients.client(service, "https")
                connection.sendall(clients.request(self.full_iso()))
                body = clients.rest_of(connection, clients.head_of(connection))
                connection.close()
                if body != image:
                    raise AssertionError("not the image")
                whole += 1

        load: list[Deferred[None]] = [deferToThread(download) for _ in range(_AT_ONCE)]
        second = self.mount_new()
        await self.said(service, "new connections get the certificate", 1)
        self.assertEqual(await self.shown(service), second.certificate_pem.decode())
        self.turn(identity("other").key_pem(), identity("localhost").certificate_pem)
        await self.said(service, "keeping the old certificate", 1)
        self.assertEqual(await self.shown(service), second.certificate_pem.decode())
        third = self.mount_new()
        await self.said(service, "new connections get the certificate", 2)
        self.assertEqual(await self.shown(service), third.certificate_pem.decode())
        over = True
        for one in load:
            await one
        self.assertTrue(await deferToThread(clients.rest_of, long, head) == image)
        kept = [event for event in service.events if "keeping" in event["message"]]
        self.assertEqual(len(kept), 1)
        print(f"{whole} whole downloads over TLS through two renewals and a broken one")
        self.assertGreater(whole, _AT_ONCE)
