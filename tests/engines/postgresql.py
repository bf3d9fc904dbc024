"""A real PostgreSQL server, of the distribution's packages, on a socket of its own."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
from collections import deque
from functools import cache
from itertools import count
from pathlib import Path
from threading import Event, Thread

import psycopg
from psycopg import sql
from twisted.trial.unittest import SynchronousTestCase

from tests.running import found_program

_USER = "postgres"
"""Who runs it where root runs the tests, whom it refuses; the packages make this user."""

_READY = "database system is ready to accept connections"
_SHOWN_LINES = 20


class PostgresqlServer:
    """
    A server on a Unix socket in a temporary directory, so that it needs no port.

    It ends with this process, however that ends.
    """

    def __init__(self) -> None:
        # A socket's path has 107 bytes at most (unix(7)): trial's directories are too deep.
        self._directory = Path(tempfile.mkdtemp(prefix="postgresql-"))
        self._process: subprocess.Popen[str] | None = None
        self._names = count()
        if os.getuid() == 0:
            shutil.chown(self._directory, _USER)
        initdb = [*_command("initdb"), "--pgdata", str(self._directory / "data"), "--no-sync"]
        initdb += ["--username=ims", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        made = subprocess.run(
            initdb, cwd=self._directory, capture_output=True, text=True, check=False
        )
        if made.returncode:
            raise AssertionError(f"initdb failed: {made.stderr}")

    @property
    def socket(self) -> Path:
        """The socket that it listens on."""
        return self._directory / ".s.PGSQL.5432"

    def url(self, database: str = "postgres") -> str:
        """The address of a database of it, in the manner of C{DATABASE_URL}."""
        return f"postgresql://ims@/{database}?host={self._directory}"

    def new_database(self, test: SynchronousTestCase) -> str:
        """The address of a new, empty database, which goes when the test ends."""
        name = f"test{next(self._names)}"
        self._execute("CREATE DATABASE {}", name)
        test.addCleanup(self._execute, "DROP DATABASE {} WITH (FORCE)", name)
        return self.url(name)

    def start(self) -> None:
        """
        Run it; from now on it can be connected to.

        @raise AssertionError: it has ended instead; with the end of its log.
        """
        # fsync is for what the end of the machine would lose; the end of the process loses nothing.
        settings = ("listen_addresses=", "fsync=off", f"unix_socket_directories={self._directory}")
        command = [*_command("postgres"), "-D", str(self._directory / "data")]
        command += [word for setting in settings for word in ("-c", setting)]
        self._process = process = subprocess.Popen(
            command, cwd=self._directory, stderr=subprocess.PIPE, text=True
        )
        log: deque[str] = deque(maxlen=_SHOWN_LINES)
        ready = Event()

        def read_log() -> None:
            with process:
                for line in process.stderr or ():
                    log.append(line)
                    if _READY in line:
                        ready.set()
            ready.set()

        Thread(target=read_log, daemon=True).start()
        ready.wait()
        if not any(_READY in line for line in log):
            raise AssertionError(f"postgres has ended: {''.join(log)}")

    def stop(self) -> None:
        """End it in order, without waiting for its clients (postgres(1), SIGINT)."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """End it without any order: at its next start it recovers (postgres(1), SIGQUIT)."""
        self._end(signal.SIGQUIT)

    def remove(self) -> None:
        """End it, and remove what it has."""
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def end_connections(self, database: str) -> None:
        """Break all connections to a database, as when a failing network does."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [database],
            )

    def _execute(self, statement: str, name: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None


@cache
def postgresql() -> PostgresqlServer:
    """The server of this process, which all tests share; each has its own databases."""
    server = PostgresqlServer()
    atexit.register(server.remove)
    server.start()
    return server


def _command(name: str) -> list[str]:
    """
    How a program of the server is run.

    @raise AssertionError: it is not installed.
    """
    # Debian has them out of the way, by version.
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=_version)
    program = str(places[-1]) if places else found_program(name)
    as_user = [f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"]
    end_with_us = [found_program("setpriv"), "--pdeathsig=INT"]
    return [*end_with_us, *(as_user if os.getuid() == 0 else ()), "--", program]


def _version(program: Path) -> float:
    return float(program.parent.parent.name)
