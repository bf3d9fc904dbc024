"""
What goes wrong with an object.

Each text is one phrase such as C{HEAD of the object: connection refused}: what was done, and what
kind of trouble came of it.  It names no object (who asks knows which), no key and no signature.
"""

from __future__ import annotations


class S3Error(Exception):
    """
    S3 did not do what it was asked for.

    @ivar verb: what that was, such as C{HEAD of the object}.
    @ivar kind: what came of it, such as C{connection refused} or C{403 Forbidden (AccessDenied)}.
    @ivar status: of S3's answer; L{None}: there was none.
    """

    def __init__(self, verb: str, kind: str, status: int | None = None) -> None:
        super().__init__(f"{verb}: {kind}")
        self.verb = verb
        self.kind = kind
        self.status = status

    @property
    def outcome(self) -> str:
        """The kind as metrics know it: C{404}, or C{connection}, or C{timeout}."""
        return "connection" if self.status is None else str(self.status)


class S3Unavailable(S3Error):
    """
    It cannot be had of S3: no connection, nothing in time, an answer that is none, a 5xx, or keys
    that it refuses.  A further try, later, may go well.

    @ivar passing: whether a further try may go well at once.
    @ivar late: whether it is that S3 took too long.
    """

    def __init__(
        self,
        verb: str,
        kind: str,
        status: int | None = None,
        *,
        passing: bool = False,
        late: bool = False,
    ) -> None:
        super().__init__(verb, kind, status)
        self.passing = passing
        self.late = late

    @property
    def outcome(self) -> str:
        """See L{S3Error.outcome}."""
        return "timeout" if self.late else super().outcome


class S3Refused(S3Unavailable):
    """S3 does not let these keys do it (401, 403)."""


class ObjectMissing(S3Error):
    """There is no such object, or no such bucket."""


class ObjectRefused(ObjectMissing):
    """
    HEAD was answered with 403, as S3 does for what is not there where the credentials may not list
    the bucket.  It may as well mean that the keys are wrong: whoever deletes because something is
    gone must not take this for it.
    """


class ObjectTooLarge(S3Error):
    """The object has more bytes than were wanted."""


class ObjectExists(S3Error):
    """There is an object already, where one was to be written only if there is none."""


class ObjectChanged(S3Error):
    """The object is another one than it was when it was looked at."""
