"""The session channels of an SSH connection: RFC 4254, section 6."""

from __future__ import annotations

import re
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any, Protocol

from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.common import getNS
from twisted.conch.ssh.connection import EXTENDED_DATA_STDERR
from twisted.conch.ssh.session import (
    SUPPORTED_SIGNALS,
    parseRequest_pty_req,
    parseRequest_window_change,
)
from twisted.logger import Logger

from image_management.jobs.ssh.login_shell import Login, login_of
from image_management.jobs.ssh.place import Place
from image_management.jobs.ssh.processes import SessionProcess, WindowSize
from image_management.jobs.ssh.sandbox import sandboxed

_WINDOW = 1 << 20
"""Bytes that a client may send before the process has read them."""
_LONGEST_COMMAND = 100_000
"""Bytes; the kernel takes no argument of 128 KiB: execve(2), C{MAX_ARG_STRLEN}."""
_LONGEST_VARIABLE = 1000
_VARIABLES = re.compile(r"LANG|LC_[A-Z]{1,30}")
"""What a client may set, as Debian's sshd_config has it."""
_TERMINALS = re.compile(rb"[\w.+-]{1,64}", re.ASCII)
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

FILE_TRANSFER = (sys.executable, "-I", "-m", "image_management.jobs.ssh.file_transfer")
"""The program that is the sftp subsystem."""


class Sessions(Protocol):
    """Those that a session is one of."""

    place: Place
    reactor: Any

    def changed(self, channel: SessionChannel) -> None:
        """A channel is closed, or its process has ended."""


class SessionChannel(SSHChannel):
    """
    A session: one process, and who has asked for it.

    @ivar accepts: whether what comes is read by the process by and by.
    """

    name = b"session"
    conn: Any
    _log = Logger()

    def __init__(self, sessions: Sessions, **settings: Any) -> None:
        super().__init__(localWindow=_WINDOW, **settings)
        self.accepts = True
        self._sessions = sessions
        self._environment: dict[str, str] = {}
        self._window: WindowSize | None = None
        self._process: SessionProcess | None = None
        self._has_ended = False
        self._has_closed = False
        self._holds: set[str] = set()
        self._requests: dict[bytes, Callable[[bytes], bool]] = {
            b"env": self._set_variable,
            b"pty-req": self._take_terminal,
            b"window-change": self._change_window,
            b"signal": self._signal,
            b"shell": lambda _: self._run(lambda login: [login.shell, "-l"]),
            b"exec": self._execute,
            b"subsystem": self._begin_subsystem,
        }

    def channelOpen(self, specificData: bytes) -> None:
        """Nothing happens before the client asks for it."""

    # What the client asks for.

    def requestReceived(self, requestType: bytes, data: bytes) -> bool:
        """Whether a request is granted; there is nothing to be had but a session."""
        request = self._requests.get(requestType)
        try:
            return request is not None and request(data)
        except (struct.error, ValueError, IndexError, OSError) as error:
            self._log.info("refused what a session asks for: {error}", error=type(error).__name__)
            return False

    def _set_variable(self, data: bytes) -> bool:
        name, value = (text.decode() for text in getNS(data, 2)[:2])
        granted = bool(_VARIABLES.fullmatch(name)) and len(value) <= _LONGEST_VARIABLE
        if granted and "\0" not in value:
            self._environment[name] = value
        return granted

    def _take_terminal(self, data: bytes) -> bool:
        name, self._window, _modes = parseRequest_pty_req(data)
        self._environment["TERM"] = name.decode() if _TERMINALS.fullmatch(name) else "dumb"
        return True

    def _change_window(self, data: bytes) -> bool:
        if self._window is None:
            return False
        self._window = parseRequest_window_change(data)
        if self._process is not None:
            self._process.resize(self._window)
        return True

    def _signal(self, data: bytes) -> bool:
        name = getNS(data)[0].decode()
        if self._process is None or name not in SUPPORTED_SIGNALS:
            return False
        self._process.signal(signal.Signals[f"SIG{name}"])
        return True

    def _execute(self, data: bytes) -> bool:
        command = getNS(data)[0]
        if len(command) > _LONGEST_COMMAND or b"\0" in command:
            return False
        return self._run(lambda login: [login.shell, "-c", command])

    def _run(self, command: Callable[[Login], list[str | bytes]]) -> bool:
        place = self._sessions.place
        login = login_of(place.root)
        user = {"HOME": login.home, "USER": "root", "LOGNAME": "root", "SHELL": login.shell}
        environment = {**user, "PATH": _PATH, **self._environment, **place.environment}
        line = sandboxed(command(login), login.home, environment, dkms=place.dkms)
        return self._start(line, wrapped=True)

    def _begin_subsystem(self, data: bytes) -> bool:
        if getNS(data)[0] != b"sftp":
            return False
        self._window = None
        home = login_of(self._sessions.place.root).home
        return self._start([*FILE_TRANSFER, home], wrapped=False)

    def _start(self, command: list[str | bytes], *, wrapped: bool) -> bool:
        """Only one process may be asked for."""
        if self._process is not None:
            return False
        process = SessionProcess(self._sessions.reactor, self, wrapped=wrapped)
        process.start(command, self._sessions.place.root, self._window)
        self._process = process
        if self._holds:
            process.hold()
        return True

    # From the client to the process.

    def dataReceived(self, data: bytes) -> None:
        """Let the process read it; before there is one nothing is to be sent."""
        if self._process is not None:
            self._process.write(data)

    def extReceived(self, dataType: int, data: bytes) -> None:
        """There is no such thing from a client."""

    def eofReceived(self) -> None:
        """The process is at the end of its input."""
        if self._process is not None and self._window is None:
            self._process.end_input()

    def take_no_more(self) -> None:
        """The client may not send more, when its window is full."""
        self.accepts = False

    def take_more(self) -> None:
        """The client may send more."""
        self.accepts = True
        if not self._has_closed and self.localWindowLeft < self.localWindowSize // 2:
            self.conn.adjustWindow(self, self.localWindowSize - self.localWindowLeft)

    # From the process to the client.

    def wrote(self, data: bytes, *, errors: bool) -> None:
        """Send it, if somebody is there."""
        if self.localClosed:
            return
        if errors:
            self.writeExtended(EXTENDED_DATA_STDERR, data)
        else:
            self.write(data)

    def stopWriting(self) -> None:
        """The client's window is full: the process waits."""
        self.hold("window")

    def startWriting(self) -> None:
        """The client's window is open."""
        self.release("window")

    def hold(self, reason: str) -> None:
        """Let the process wait until each reason that it waits for is gone."""
        self._holds.add(reason)
        if self._process is not None and not self.localClosed:
            self._process.hold()

    def release(self, reason: str) -> None:
        """Let the process wait for this reason no more."""
        self._holds.discard(reason)
        if self._process is not None and not self._holds:
            self._process.go_on()

    def ended(self, status: int) -> None:
        """Tell the client how the process has ended, behind all that it wrote."""
        self._has_ended = True
        if not self._has_closed:
            self.conn.sendRequest(self, b"exit-status", struct.pack(">L", status))
            self.loseConnection()
        self._sessions.changed(self)

    # The end.

    @property
    def is_running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and not self._has_ended

    @property
    def is_over(self) -> bool:
        """Whether nothing is left of it."""
        return self._has_closed and not self.is_running

    def end(self) -> None:
        """Say to the process that nobody is there any more, or to the client if there is none."""
        if self._process is not None and self.is_running:
            self._process.end()
        else:
            self.loseConnection()

    def closeReceived(self) -> None:
        """The client wants nothing more, not even what waits for its window."""
        self.buf = b""
        self.extBuf = []
        self.loseConnection()

    def closed(self) -> None:
        """Nobody is there any more."""
        self._has_closed = True
        if self._process is not None and self.is_running:
            self._process.go_on()
            self._process.end()
        self._sessions.changed(self)
