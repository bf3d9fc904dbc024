"""The servers: nginx and the service, and nginx once more as what the service asks."""

from __future__ import annotations

import getpass
import http.client
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.certificate import CertificateFiles
from demo.infra_env import INFRA_ENV_ID
from tests.bench import images
from tests.bench.processes import Process, free_port
from tests.running import base_environment, found_program

TLS_SUITE = "TLS_AES_256_GCM_SHA384"
"""The one that both servers offer."""

_START_SECONDS = 60.0

_NGINX = """\
user {user};
worker_processes 1;
daemon off;
pid {directory}/pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
    access_log {directory}/access.log;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    {server}
}}
"""

_FILES = """
    server {{
        listen 127.0.0.1:{http};
        listen 127.0.0.1:{https} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.3;
        ssl_conf_command Ciphersuites {suite};
        root {root};
    }}
"""

# assisted-service as far as a discovery image needs it, and an origin of OS images.
_COMPANION = """
    server {{
        listen 127.0.0.1:{http};
        location ~ /downloads/files$ {{ return 200 '{{"ignition": {{"version": "3.2.0"}}}}'; }}
        location ~ /downloads/minimal-initrd$ {{ return 204; }}
        location ~ /infra-envs/ {{ return 200 '{{"kernel_arguments": "[]"}}'; }}
        location / {{ root {root}; }}
    }}
"""

INFRA_ENVS = """
    server {{
        listen 127.0.0.1:{http};
        keepalive_timeout 2s;
        location ~ /infra-envs/([^/]+)/downloads/files$ {{ alias {root}/$1/discovery.ign; }}
        location ~ /infra-envs/([^/]+)/downloads/(.+)$ {{ alias {root}/$1/$2; }}
        location ~ /infra-envs/([^/]+)$ {{ alias {root}/$1/infra-env.json; }}
    }}
"""
"""A companion that is an assisted-service of several infra-envs: its files are INFRA_ENVS_DIR's."""


@dataclass(frozen=True, slots=True)
class Server:
    """
    A server that runs.

    @ivar ports: by scheme.
    @ivar path: where the image of the comparison is.
    @ivar authority: the certificate to trust.
    """

    name: str
    process: Process
    ports: Mapping[str, int]
    path: str
    authority: Path

    def at(self, *, tls: bool) -> dict[str, Any]:
        """One of its listeners, in the terms of the client programs."""
        return {
            "port": self.ports["https" if tls else "http"],
            "authority": str(self.authority) if tls else None,
        }

    def url(self, *, tls: bool) -> str:
        """The image's."""
        scheme = "https" if tls else "http"
        return f"{scheme}://localhost:{self.ports[scheme]}{self.path}"


def start_nginx(directory: Path, image: Path, certificate: CertificateFiles, cpus: str) -> Server:
    """nginx as it serves static files best, over both schemes."""
    ports = {"http": free_port(), "https": free_port()}
    server = _FILES.format(
        **ports,
        certificate=certificate.certificate,
        key=certificate.key,
        suite=TLS_SUITE,
        root=image.parent,
    )
    process = _nginx(directory, server, ports["http"], cpus)
    return Server("nginx", process, ports, f"/{image.name}", certificate.authority)


def start_companion(
    directory: Path, root: Path, locations: str = _COMPANION
) -> tuple[Process, int]:
    """
    An assisted-service that answers at once, and an origin of the files in C{root}.

    @param locations: what it answers; any infra-env, unless it is L{INFRA_ENVS}.
    @return: the process and its port.
    """
    port = free_port()
    return _nginx(directory, locations.format(http=port, root=root), port, cpus=""), port


def _nginx(directory: Path, server: str, port: int, cpus: str) -> Process:
    directory.mkdir()
    configuration = directory / "nginx.conf"
    configuration.write_text(
        _NGINX.format(directory=directory, user=getpass.getuser(), server=server)
    )
    command = [found_program("nginx"), "-c", str(configuration), "-p", str(directory)]
    process = Process(command, directory / "log", cpus=cpus)
    process.wait_until(lambda: status_of(port, "/") is not None, "nginx", _START_SECONDS)
    return process


def start_service(
    log: Path, settings: Mapping[str, str], certificate: CertificateFiles, cpus: str
) -> Server:
    """The service, over both schemes; it has begun, and need not be ready."""
    ports = {"http": free_port(), "https": free_port()}
    environment = {
        **base_environment(),
        **listening_settings(certificate, ports),
        "DRAIN_SECONDS": "0",
        **settings,
    }
    process = Process(_twistd(), log, cpus=cpus, environment=environment)
    return Server("ours", process, ports, iso_path("full"), certificate.authority)


def listening_settings(certificate: CertificateFiles, ports: Mapping[str, int]) -> dict[str, str]:
    """
    How a service listens in all cases.

    @param ports: by scheme.
    """
    return {
        **images.SETTINGS,
        "LISTEN_PORT": str(ports["https"]),
        "HTTP_LISTEN_PORT": str(ports["http"]),
        "HTTP_SERVES": "all",
        "HTTPS_KEY_FILE": str(certificate.key),
        "HTTPS_CERT_FILE": str(certificate.certificate),
        "TLS_MIN_VERSION": "VersionTLS13",
        "TLS_CIPHER_SUITES": TLS_SUITE,
        "IMAGE_SERVICE_BASE_URL": "https://images.example",
    }


def wait_until_healthy(server: Server) -> None:
    """
    Return once C{/health} is 200.

    @raise BenchError: it is not in time.
    """
    server.process.wait_until(
        lambda: status_of(server.ports["http"], "/health") == 200, "/health", _START_SECONDS
    )


def iso_path(kind: str) -> str:
    """Where the service has its first image, customised; C{full} or C{minimal}."""
    return f"/byid/{INFRA_ENV_ID}/{images.version(0)}/{images.ARCHITECTURE}/{kind}.iso"


def ignition_path() -> str:
    """Where assisted-service has what is spliced into it."""
    return f"/api/assisted-install/v2/infra-envs/{INFRA_ENV_ID}/downloads/files"


def status_of(port: int, path: str) -> int | None:
    """The HTTP status of a page; C{None}: nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def _twistd() -> Sequence[str]:
    twistd = Path(sys.executable).with_name("twistd")
    return [str(twistd), "--nodaemon", "--pidfile=", "assisted-images"]
