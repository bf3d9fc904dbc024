"""
Requests and their answers, with one line of log and one observation for each.

Knows nothing of images: what a request is about arrives as its C{route} and C{facts}.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import NO_CONTENT

from httpd.http1.head_channel import ResponseHeaders
from httpd.representation.negotiation import preferred_type
from httpd.web.problems import OWN_FAULT, PLAIN, PROBLEM_JSON, Problem
from httpd.web.received_request import ReceivedRequest
from httpd.web.request_facts import NO_ROUTE, facts_of, level_of

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Those that metrics tell apart: what is refused may have any."""

_identifiers = random.Random()  # noqa: S311  they are no secrets
_log = Logger()


class ServiceRequest(ReceivedRequest):
    """
    One request and its answer, with a repr that shows no token.

    @ivar identifier: names the request in the log.
    @ivar route: the pattern of the route, such as C{/images/:imageID}: the only form in which a
        path reaches a metric, and the log, too, unless it is nobody's.  Empty until it is known.
    @ivar level: how severe it is for the log that this was asked, where all goes well.
    @ivar problem: why it has failed; L{None}: it has not.
    @ivar facts: further fields of the log line; short ones.
    @ivar answer: what is under way to answer it; ends when the client leaves.
    """

    responseHeaders: ResponseHeaders  # noqa: N815
    route = ""
    level = "info"
    problem: Problem | None = None
    answer: Deferred[None] | None = None
    _started: float | None = None
    _label = ""

    def __init__(self, channel: Any, queued: object = False) -> None:
        """
        @param channel: a L{DeadlineChannel} of a L{RequestSite}.
        """
        super().__init__(channel, queued)
        self.responseHeaders = ResponseHeaders()
        self.identifier = _identifiers.randbytes(16).hex()
        self.facts: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<ServiceRequest {self.identifier} {self.route or '-'}>"

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        """Answer the request, which is complete."""
        self.process()

    def process(self) -> None:
        """Answer the request."""
        self._begin()
        try:
            if self.path == b"*":
                self._answer_for_all()
            else:
                self.site.routes.answer(self)
        except Exception:
            self.processingFailed(Failure())

    def refuse(self, problem: Problem) -> None:
        """
        Answer with a problem, whole; nothing may have been written before.

        Every refusal is written here, whoever refuses.
        """
        self.problem = problem
        kind = preferred_type(self.getHeader("accept"), self.site.problem_types)
        body = problem.as_json() if kind == PROBLEM_JSON else problem.as_text()
        self.setResponseCode(problem.status, problem.title.encode())
        for name, value in problem.headers.items():
            self.setHeader(name, value)
        self.finish_with(body, f"{PLAIN}; charset=utf-8" if kind == PLAIN else kind)

    def refuse_unread(self, status: int, detail: str) -> None:
        """
        Refuse what will not be read to its end; nothing follows on its connection.

        @param detail: what is wrong; never a secret.
        """
        self._begin()
        label = "" if self.head is None else self.site.routes.label(self.path_parts)
        self.observe_as(label or NO_ROUTE)
        self.route = label
        self.refuse(Problem(status, detail, {"Connection": "close"}))

    def finish_with(self, body: bytes, content_type: str) -> None:
        """
        Send a short C{body} that is at hand, without its bytes where this is a HEAD.

        It tells how things are now, and is not to be kept by anybody.
        """
        self.describe_whole(len(body), content_type)
        if self.method != b"HEAD":
            self.write(body)
        self.finish()

    def describe_whole(self, length: int, content_type: str) -> None:
        """
        Set the header fields of a body that tells how things are now, and is not to be kept.

        @param length: its bytes.
        """
        self.setHeader("cache-control", "no-store")
        self.setHeader("content-type", content_type)
        if self.code != NO_CONTENT:  # RFC 9110, section 8.6
            self.setHeader("content-length", str(length))

    @property
    def sent_so_far(self) -> int:
        """Bytes of its body that have been sent; 0 where it is not observed."""
        return self._handed_over if self._label else 0

    @property
    def _handed_over(self) -> int:
        """Bytes of its body that the transport does not hold any more."""
        waiting: int = getattr(self.channel.transport, "waiting", 0)
        return max(0, self.sentLength - waiting)

    @property
    def left(self) -> bool:
        """Whether the client has left, or was cut off: nothing can be sent to it any more."""
        return bool(self._disconnected)

    def answer_options(self, methods: Sequence[bytes]) -> None:
        """Say what may be asked (RFC 9110, section 9.3.7)."""
        self.setHeader("allow", b", ".join(methods))
        self.setHeader("content-length", "0")
        self.finish()

    def describe(self, fields: bytes) -> None:
        """
        Add header fields to the response.

        @param fields: as they are sent, each with its line's end.
        """
        self.responseHeaders.prepared += fields

    def withdraw(self) -> None:
        """Take back what was described: something else is going to be answered."""
        self.responseHeaders.prepared = self.site.greeting()

    def write(self, data: bytes) -> None:
        """
        Send some of the body, after the head.

        The head has said how long the body is: nothing here is sent in chunks, and whoever answers
        C{HEAD} writes nothing.
        """
        if self._disconnected:
            return
        if not self.startedWriting:
            self.startedWriting = 1
            self.channel.writeHeaders(
                self.clientproto, b"%d" % self.code, self.code_message, self.responseHeaders
            )
        length = len(data)
        if length:
            self.sentLength += length
            self.channel.write(data)

    def finish(self) -> None:
        """Take note that the answer is whole."""
        super().finish()
        self._over(aborted=False)

    def connectionLost(self, reason: Failure) -> None:
        """Take note that the client has left, or was cut off, before it was sent everything."""
        self.sentLength = self._handed_over
        super().connectionLost(reason)
        if self.answer is not None:
            self.answer.cancel()
        self._over(aborted=True)

    def processingFailed(self, reason: Failure) -> Failure:
        """Answer 500 for a fault in our own code, in the words of every other problem."""
        _log.failure("request {request_id} failed", reason, request_id=self.identifier)
        self.refuse(Problem(500, OWN_FAULT))
        return reason

    def observe_as(self, route: str) -> None:
        """
        Say which route this is, once; L{facts} may be added until the end.

        @param route: its label; empty: it has none, and is not observed.
        """
        self.route = self._label = route
        if route:
            self.site.observer.request_started(route)

    def abort(self) -> None:
        """Cut the connection: the answer has begun and cannot go on."""
        self.channel.abort()

    def _begin(self) -> None:
        self._started = self.site.clock.seconds()
        self.describe(self.site.greeting())

    def _answer_for_all(self) -> None:
        """C{OPTIONS *} is about the server, and no more than a question whether it is there."""
        if self.method == b"OPTIONS":
            self.answer_options((b"OPTIONS",))
        else:
            self.refuse(Problem(405, "nothing but OPTIONS is for *", {"Allow": "OPTIONS"}))

    def _over(self, *, aborted: bool) -> None:
        if self._started is None:
            return  # it has not been complete
        seconds = self.site.clock.seconds() - self._started
        facts = facts_of(self, seconds, aborted=aborted)
        if self._label:
            method = str(facts["method"])
            self.site.observer.request_ended(
                self._label,
                method if method in _METHODS else "-",
                self.code,
                self.sentLength,
                seconds,
            )
        self.site.request_log.write_request(facts, level_of(self))
