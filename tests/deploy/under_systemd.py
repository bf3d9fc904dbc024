"""
The units of C{deploy/systemd} where systemd is the first process, in a container that has little
else; a part of C{make container-test}.
"""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

from demo.infra_env import sample_infra_env
from demo.service import ROOT
from tests.certificates import identity
from tests.deploy.containers import LIMITS, debian, free_port, image, podman
from tests.deploy.first_process import SYSTEMD, SystemdTestCase
from tests.field import clients
from tests.field.images import SMALLEST, os_images

_UNITS = ROOT / "deploy/systemd"
_SECONDS = 60.0
_DYNAMIC_USERS = range(61184, 65520)
"""Ids of the users that systemd makes up (C{DynamicUser=}, systemd.exec(5))."""
_IMAGE = "localhost/assisted-images-systemd:test"


def at(port: int) -> str:
    """What moves a C{.socket} unit to another port."""
    return f"[Socket]\nListenStream=\nListenStream={port}\n"


class Ports:
    """Free ones."""

    def __init__(self) -> None:
        self.ports = {"https": free_port(), "http": free_port()}


class SystemdTests(SystemdTestCase):
    """The units as they are, and what is said of them."""

    def setUp(self) -> None:
        folder = Path(self.mktemp()).resolve()
        folder.mkdir()
        base = debian("debian-systemd", SYSTEMD)
        (folder / "Containerfile").write_text(
            f"FROM {base}\nCOPY --from={image()} /opt/assisted-images /opt/assisted-images\n"
        )
        podman("build", "--tag", _IMAGE, *LIMITS, folder)
        self.listening = Ports()
        self.boot(_IMAGE)

    def install(self, service: str, settings: dict[str, str], drop_ins: dict[str, str]) -> None:
        """Its units, settings, and what is said besides in drop-ins."""
        folder = Path(self.mktemp()).resolve()
        units = folder / "units"
        shutil.copytree(_UNITS, units, ignore=shutil.ignore_patterns("*.env"))
        for unit, text in drop_ins.items():
            place = units / f"{unit}.d"
            place.mkdir()
            (place / "test.conf").write_text(text)
        self.put(f"{units}/.", "/etc/systemd/system")
        configuration = folder / service
        sample_infra_env(configuration / "infra-envs")
        identity("localhost").write(configuration)
        lines = [f"{name}={text}" for name, text in settings.items()]
        (configuration / f"{service}.env").write_text("\n".join(lines))
        self.put(configuration, f"/etc/{service}")
        self.inside("groupadd", "--system", "tls-keys")
        self.inside(
            "sh", "-c", f"cd /etc/{service}; chgrp tls-keys localhost.*; chmod 640 localhost.*"
        )
        self.inside("systemctl", "daemon-reload")

    def answered(self, connection: socket.socket, path: str) -> bytes:
        """The head of an answer on a connection that may have waited."""
        connection.settimeout(_SECONDS)
        connection.sendall(clients.request(path))
        head = clients.head_of(connection)
        connection.close()
        return head

    def test_assisted_images(self) -> None:
        """
        Over TLS and beside it, with two workers: who comes while it is started anew is served by
        the next one; and it has nothing but what the unit lets it have.
        """
        unit, ports = "assisted-images.service", self.listening.ports
        catalog = os_images({"version": "1", "url": "http://127.0.0.1:1/nobody"})
        own = {
            "INFRA_ENVS_DIR": "/etc/assisted-images/infra-envs",
            "IMAGE_SERVICE_BASE_URL": "http://images.example",
            "HTTPS_KEY_FILE": "/etc/assisted-images/localhost.key",
            "HTTPS_CERT_FILE": "/etc/assisted-images/localhost.pem",
            "WORKERS": "2",
            "DRAIN_SECONDS": "1",
        }
        quoted = {name: f"'{text}'" for name, text in (SMALLEST | catalog | own).items()}
        self.install(
            "assisted-images",
            quoted,
            {
                "assisted-images.socket": at(ports["https"]),
                "assisted-images-http.socket": at(ports["http"]),
                unit: "[Service]\nSupplementaryGroups=tls-keys\n",
            },
        )
        self.inside("systemctl", "start", "assisted-images.socket", "assisted-images-http.socket")
        waiting = clients.connect(self.listening, "http")
        self.inside("systemctl", "start", "--no-block", unit)
        self.until(lambda: self.state(unit) == "active")
        self.assertIn(b" 200 ", self.answered(waiting, "/live"))
        secure = clients.client(self.listening, "https")
        self.assertIn(b" 200 ", self.answered(secure, "/live"))
        self.inside("systemctl", "stop", unit)
        self.assertEqual(self.state(unit, "Result"), "success")
        waiting = clients.connect(self.listening, "https")
        secure = clients.secured(waiting)  # the socket starts the service
        self.assertIn(b" 200 ", self.answered(secure, "/live"))
        self.assertEqual(self.state(unit, "NRestarts"), "0")
        owner = int(self.inside("stat", "--format=%u", "/var/lib/private/assisted-images"))
        self.assertIn(owner, _DYNAMIC_USERS)

    def test_image_management(self) -> None:
        """Its first client starts it."""
        keys = {"S3_ENDPOINT": "http://127.0.0.1:1", "S3_ACCESS_KEY": "key", "S3_SECRET_KEY": "key"}
        port = self.listening.ports["http"]
        self.install("image-management", keys, {"image-management.socket": at(port)})
        self.inside("systemctl", "start", "image-management.socket")
        self.assertEqual(self.state("image-management.service"), "inactive")
        client = clients.connect(self.listening, "http")
        self.assertIn(b" 200 ", self.answered(client, "/healthz/live"))
        self.assertEqual(self.state("image-management.service"), "active")
