"""The settings C{make run-ims} starts the service with; whatever the user sets stays."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from demo.certificate import CertificateFiles
from demo.environment import with_listeners
from demo.image_management.jobs import set_up_jobs
from demo.s3_server import S3Server
from demo.service import Reactor

TLS_PORT = "9443"
PLAIN_PORT = "9000"

_ACCESS_KEY = "image-management"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is to be started."""

    settings: Mapping[str, str]
    """The process's whole environment."""

    certificate: CertificateFiles
    server: S3Server | None
    """The S3 server, where it is one of ours; it runs."""

    no_jobs: str | None
    """Why this host does not work on jobs; C{None}: it does."""


async def prepare(reactor: Reactor, environment: Mapping[str, str], data: Path) -> Prepared:
    """
    Make a certificate, start an S3 server on a folder where the user names none, and have what jobs
    take where this host can work on them.

    @param environment: the user's.
    @param data: where all of it is.
    @raise S3ServerFailed: it does not start.
    @raise subprocess.CalledProcessError: it cannot be built.
    """
    # An empty setting is one that is not set.
    settings = {name: value for name, value in environment.items() if value}
    certificate = with_listeners(settings, data / "certificate", TLS_PORT, PLAIN_PORT)
    settings.setdefault("DRAIN_SECONDS", "5")
    settings.setdefault("IMS_DATA_DIR", str(data / "records"))
    no_jobs = set_up_jobs(settings)
    server = None
    if "S3_ENDPOINT" not in settings:
        server = S3Server(reactor, data / "s3", _ACCESS_KEY, secrets.token_hex(16))
        await server.start()
        access = {
            "S3_ENDPOINT": server.access.endpoint,
            "S3_ACCESS_KEY": server.access.access_key,
            "S3_SECRET_KEY": server.access.secret_key,
        }
        settings |= access
        keys = s3_keys(data)
        keys.touch(0o600)
        keys.write_text("".join(f"export {name}={value}\n" for name, value in access.items()))
    return Prepared(settings, certificate, server, no_jobs)


def s3_keys(data: Path) -> Path:
    """The file by which a shell gets at our S3 server, as its settings are called here."""
    return data / "s3" / "keys"
