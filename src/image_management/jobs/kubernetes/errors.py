"""What goes wrong with Kubernetes."""

from __future__ import annotations

from typing import Any

from httpd.texts import shortened
from image_management.secrets import REDACTION

_LONGEST_MESSAGE = 1000
"""Characters of what the API says: of an object that is wrong it may quote much."""

_PASSING_REASONS = frozenset({"Timeout", "ServerTimeout", "TooManyRequests"})


class ApiError(Exception):
    """
    Kubernetes' API did not do what it was asked for.  The text says what that was and what came of
    it, such as C{create of Job cray-ims-1-create: jobs.batch is forbidden}.

    @ivar status: of its answer (RFC 9110); C{None}: there was none.
    @ivar reason: the API's own word for it (Kubernetes API Reference, "Status"), such as
        C{AlreadyExists}; empty where it gives none.
    @ivar retry_after: seconds for which it wants to be left alone; 0: it has not said.
    """

    def __init__(
        self,
        what: str,
        message: str,
        status: int | None = None,
        reason: str = "",
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(f"{what}: {shortened(REDACTION.redacted(message), _LONGEST_MESSAGE)}")
        self.status = status
        self.reason = reason
        self.retry_after = retry_after

    @property
    def is_passing(self) -> bool:
        """Whether the same may go well a little later."""
        return (
            self.status is None
            or self.status == 429
            or self.status >= 500
            or self.reason in _PASSING_REASONS
        )

    @classmethod
    def of_status(
        cls, what: str, status: int, answer: dict[str, Any], retry_after: float = 0.0
    ) -> ApiError:
        """
        The error that an answer stands for.

        @param answer: a Status of Kubernetes; where the answer was none, empty.
        """
        message = answer.get("message") or f"status {status}"
        return cls(what, str(message), status, str(answer.get("reason") or ""), retry_after)
