"""nginx as an origin of OS images: its log says what it was asked for."""

from __future__ import annotations

import getpass
import re
import socket
from collections import Counter
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.bench.processes import Process, free_port
from tests.running import found_program

_START_SECONDS = 60.0

_CONFIGURATION = """\
user {user};
worker_processes 1;
daemon off;
pid {directory}/pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
    log_format parts '$status $uri "$http_range" "$http_x_run"';
    access_log {directory}/access.log parts;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    default_type application/octet-stream;
    sendfile on;
    server {{
        listen 127.0.0.1:{port};
        root {directory}/files;
        {more}
    }}
}}
"""


class NginxOrigin:
    """
    The server, which is running.

    @ivar files: the directory that it serves.
    """

    def __init__(self, test: TestCase, more: str = "") -> None:
        """
        @param more: directives of the server.
        """
        self._directory = Path(test.mktemp()).resolve()
        self.files = self._directory / "files"
        self.files.mkdir(parents=True)
        self._port = free_port()
        configuration = self._directory / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                user=getpass.getuser(), directory=self._directory, port=self._port, more=more
            )
        )
        command = [found_program("nginx"), "-p", str(self._directory), "-c", str(configuration)]
        process = Process(command, self._directory / "output")
        test.addCleanup(process.stop)
        process.wait_until(self._listens, "nginx", _START_SECONDS)

    def url(self, name: str) -> str:
        """Where a file is."""
        return f"http://127.0.0.1:{self._port}/{name}"

    def parts(self, name: str, run: str = ".*") -> Counter[int]:
        """
        How often each part of several bytes of a file was asked for, by its first byte.

        @param run: only by those whose field C{X-Run} is that; a regular expression.
        """
        found: Counter[int] = Counter()
        # A client that has gone before the first byte gets 499.
        asked = re.compile(rf'(?:206|499) /{re.escape(name)} "bytes=(\d+)-(\d+)" "{run}"')
        for line in (self._directory / "access.log").read_text().splitlines():
            part = asked.fullmatch(line)
            if part is not None and part[1] != part[2]:
                found[int(part[1])] += 1
        return found

    def _listens(self) -> bool:
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", self._port)) == 0
