"""Why an outbound request failed, in one phrase that is safe to show."""

from __future__ import annotations

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.defer import CancelledError
from twisted.internet.error import (
    ConnectBindError,
    ConnectingCancelledError,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
    TimeoutError,
)

from httpd.outbound.tunnel import TunnelError
from httpd.statuses import PHRASES

_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (DNSLookupError, "its host name cannot be resolved"),
    (ConnectionRefusedError, "connection refused"),
    (TimeoutError, "no connection in time"),
    (NoRouteError, "no route to it"),
    (ConnectBindError, "no local address for a connection"),
    (VerificationError, "its TLS certificate is for another host name"),
    (ConnectionLost, "the connection broke"),
    (ConnectionDone, "it closed the connection"),
)


def innermost(error: BaseException) -> BaseException:
    """What a C{ResponseFailed} (and its like, which hold C{reasons}) came from; others as is."""
    while reasons := getattr(error, "reasons", None):
        error = reasons[0].value
    return error


def was_cancelled(error: BaseException) -> bool:
    """
    Whether the request failed because its own Deferred was cancelled; while the connection is being
    made, endpoints tell that by an error of their own.
    """
    return isinstance(innermost(error), CancelledError | ConnectingCancelledError)


def reason_of(error: BaseException) -> str:
    """
    One phrase.  Texts of errors that are not known are left out: they may quote a whole URL.
    """
    cause = innermost(error)
    if isinstance(cause, TunnelError | DownloadError):
        return str(cause)
    if isinstance(cause, SSL.Error):
        details = [entry[-1] for entry in cause.args[0]] if cause.args else []
        return f"TLS failed: {details[-1] if details else 'the connection was closed'}"
    for kind, text in _REASONS:
        if isinstance(cause, kind):
            return text
    return type(cause).__name__


def status_text(status: int) -> str:
    """
    A status code with its own phrase, such as C{404 Not Found}: the server's phrase might quote
    what it was asked with.
    """
    return f"{status} {PHRASES.get(status, '')}".rstrip()


class DownloadError(Exception):
    """
    A download failed.  The text is the reason, in one phrase; it holds no secret.

    @ivar retry_after: seconds for which the server wants to be left alone; 0: it has not said.
    """

    def __init__(self, text: str = "", retry_after: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class BrokenOff(DownloadError):
    """A response's body came to no good end."""


class CodedContent(DownloadError):
    """A response has a content coding, although none was asked for (RFC 9110, section 8.4)."""
