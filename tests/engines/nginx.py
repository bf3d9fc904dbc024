"""nginx in front of several servers, each request to the next of them."""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Mapping
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.bench.processes import Process, free_port
from tests.bench.servers import status_of
from tests.running import found_program

_SECONDS = 60.0

_CONFIGURATION = """\
user {user};
worker_processes 1;
daemon off;
pid {directory}/pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    keepalive_requests 1000000;
    upstream replicas {{
        {servers}
        keepalive 32;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://replicas;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_buffering off;
            proxy_next_upstream off;
        }}
    }}
}}
"""


class Balancer:
    """It. It hides nothing: what a server answers is what the client gets."""

    def __init__(self, directory: Path, ports: Iterable[int]) -> None:
        """
        @param directory: one that is not there yet.
        @param ports: the servers'.
        """
        directory.mkdir(parents=True)
        port = free_port()
        configuration = directory / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                user=getpass.getuser(),
                directory=directory,
                port=port,
                servers=" ".join(f"server 127.0.0.1:{one};" for one in ports),
            )
        )
        command = [found_program("nginx"), "-c", str(configuration), "-p", str(directory)]
        self._process = Process(command, directory / "log", cpus="")
        self.ports: Mapping[str, int] = {"http": port}
        """Its listener, as clients want it."""

    def wait(self) -> None:
        """Return once it answers; blocking."""
        port = self.ports["http"]
        self._process.wait_until(lambda: status_of(port, "/live") is not None, "nginx", _SECONDS)

    def stop(self) -> None:
        """End it; blocking."""
        self._process.stop()


def start_balancer(test: TestCase, ports: Iterable[int]) -> Balancer:
    """nginx in front of servers on loopback; the test's end ends it."""
    balancer = Balancer(Path(test.mktemp()).resolve(), ports)
    test.addCleanup(balancer.stop)
    balancer.wait()
    return balancer
