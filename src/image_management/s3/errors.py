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
    """

    def __init__(self, verb: str, kind: str) -> None:
        super().__init__(f"{verb}: {kind}")
        self.verb = verb
        self.kind = kind


class S3Unavailable(S3Error):
    """
    It cannot be had of S3: no connection, nothing in time, an answer that is none, a 5xx, or keys
    that it refuses.  A further try, later, may go well.
    """


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
