"""An S3 server that fails as a test says: a proxy in front of one that works."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any
from urllib.parse import parse_qs, urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.httpd.outbound.servers import response, trial_reactor

_ERROR = b"<?xml version='1.0'?>\n<Error><Code>InternalError</Code></Error>"
_RANGE = re.compile(rb"\r\nrange: *([^\r]+)", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Fault(Enum):
    """What goes wrong with a request."""

    CUT = auto()
    """The connection ends before the server has seen it."""
    UNAVAILABLE = auto()
    """503, and it is not done."""
    ERROR_IN_200 = auto()
    """200 with an error as its body, as long copies end; it is not done."""
    SILENT = auto()
    """No answer ever comes; it is not done."""
    CUT_AFTER = auto()
    """It is done, and the connection ends without an answer."""
    ERROR_AFTER = auto()
    """It is done, and answered with 500."""
    CUT_WITHIN = auto()
    """It is done, and the connection ends in the middle of the answer."""
    STALLS = auto()
    """It is done, and in the middle of the answer nothing more comes."""


@dataclass
class _Plan:
    fault: Fault
    spared: int
    times: float


class FaultyProxy(Factory):
    """
    Hands requests to a server, but for those that it was told to fail.

    @ivar seen: how often each operation was asked for, whatever came of it; by S3's names, such as
        C{HeadObject}.
    @ivar ranges: of which bytes each C{GetObject} was, as its field Range says.
    @ivar open: connections of clients that there are.
    @ivar sent: bytes of answers that were handed on as they came.
    """

    noisy = False

    def __init__(self, endpoint: str) -> None:
        """
        @param endpoint: the server's URL.
        """
        parts = urlsplit(endpoint)
        assert parts.hostname is not None
        assert parts.port is not None
        self.server = HostnameEndpoint(trial_reactor(), parts.hostname, parts.port)
        self.seen: Counter[str] = Counter()
        self.ranges: list[str] = []
        self.open = 0
        self.sent = 0
        self.port = 0
        self._plans: dict[str, _Plan] = {}

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}"

    def fail(self, operation: str, fault: Fault, times: float = 1, *, spared: int = 0) -> None:
        """
        Have requests for an operation fail.

        @param times: how many; C{inf}: from now on all.
        @param spared: how many go well before.
        """
        self._plans[operation] = _Plan(fault, spared, times)

    def heal(self) -> None:
        """Let everything go well again."""
        self._plans.clear()

    def fault_of(self, operation: str) -> Fault | None:
        """Note a request, and tell what happens to it."""
        self.seen[operation] += 1
        plan = self._plans.get(operation)
        if plan is None or plan.times <= 0:
            return None
        if plan.spared:
            plan.spared -= 1
            return None
        plan.times -= 1
        return plan.fault

    def buildProtocol(self, addr: object) -> Protocol:
        return _Client(self)


class _Client(Protocol):
    """A connection with one request."""

    transport: Any

    def __init__(self, proxy: FaultyProxy) -> None:
        self._proxy = proxy
        self._received = b""
        self._upstream: _Upstream | None = None
        self._begun = False

    def connectionMade(self) -> None:
        self._proxy.open += 1

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if self._begun or not end or len(body) < int(length[1] if length else 0):
            return
        self._begun = True
        operation = operation_of(head.decode("latin-1"))
        if operation == "GetObject":
            wanted = _RANGE.search(head)
            self._proxy.ranges.append(wanted[1].decode() if wanted else "")
        fault = self._proxy.fault_of(operation)
        match fault:
            case Fault.CUT:
                self.transport.abortConnection()
            case Fault.UNAVAILABLE:
                self._answer(response("503 Service Unavailable", connection="close"))
            case Fault.ERROR_IN_200:
                self._answer(response(body=_ERROR, connection="close"))
            case Fault.SILENT:
                pass
            case _:
                self._upstream = _Upstream(self, fault)
                request = head + b"\r\nConnection: close\r\n\r\n" + body
                connecting: Deferred[Any] = connectProtocol(self._proxy.server, self._upstream)
                connecting.addCallback(lambda upstream: upstream.send(request))
                connecting.addErrback(lambda _: self.transport.abortConnection())

    def _answer(self, data: bytes) -> None:
        self.transport.write(data)
        self.transport.loseConnection()

    def hand_on(self, data: bytes) -> None:
        """Some of the answer."""
        self._proxy.sent += len(data)
        self.transport.write(data)

    def answered(self, data: bytes, fault: Fault | None) -> None:
        """The server has done it, and would say so."""
        match fault:
            case Fault.CUT_AFTER:
                self.transport.abortConnection()
            case Fault.ERROR_AFTER:
                self._answer(response("500 Internal Server Error", connection="close"))
            case Fault.CUT_WITHIN:
                # What was written is sent before the connection ends, too early.
                self._answer(data[: len(data) // 2])
            case Fault.STALLS:
                self.transport.write(data[: len(data) // 2])
            case _:
                self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._proxy.open -= 1
        if self._upstream is not None:
            self._upstream.leave()


class _Upstream(Protocol):
    """The server's answer: handed on as it comes, where nothing is to happen to it."""

    transport: Any = None

    def __init__(self, client: _Client, fault: Fault | None) -> None:
        self._client = client
        self._fault = fault
        self._pieces: list[bytes] = []

    def send(self, request: bytes) -> None:
        if self._fault is None:
            self._client.transport.registerProducer(self.transport, True)
        self.transport.write(request)

    def dataReceived(self, data: bytes) -> None:
        if self._fault is None:
            self._client.hand_on(data)
        else:
            self._pieces.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._fault is None:
            self._client.transport.unregisterProducer()
        self._client.answered(b"".join(self._pieces), self._fault)

    def leave(self) -> None:
        """The client is gone; where it is only not to know, the server goes on."""
        if self.transport is not None and self._fault is None:
            self.transport.abortConnection()


def operation_of(head: str) -> str:
    """What S3 calls a request with this header."""
    method, target, _ = head.partition("\r\n")[0].split(" ")
    parts = urlsplit(target)
    query = parse_qs(parts.query, keep_blank_values=True)
    kind = "Object" if parts.path.strip("/").partition("/")[2] else "Bucket"
    copy = "Copy" if "\r\nx-amz-copy-source:" in head.lower() else ""
    if "uploads" in query:
        return {"GET": "ListMultipartUploads"}.get(method, "CreateMultipartUpload")
    if "uploadId" in query:
        names = {"PUT": f"UploadPart{copy}", "POST": "CompleteMultipartUpload"}
        return names.get(method, "AbortMultipartUpload")
    return "CopyObject" if copy else f"{method.title()}{kind}"


def start_faulty_proxy(test: TestCase, endpoint: str) -> FaultyProxy:
    """A proxy that fails nothing yet; the test's end closes it."""
    proxy = FaultyProxy(endpoint)
    listening = trial_reactor().listenTCP(0, proxy, interface="127.0.0.1")
    proxy.port = listening.getHost().port
    test.addCleanup(listening.stopListening)
    return proxy
