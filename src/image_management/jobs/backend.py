"""The place where jobs are worked on, as the rest of the service sees it: one of several kinds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from image_management.jobs.creation import NewJob
from image_management.records.record import Record
from image_management.records.words import JobStatus


class BackendError(Exception):
    """A backend could not do what it was asked for; the text says with what, and why."""


@dataclass(frozen=True, slots=True)
class Report:
    """What becomes of a job."""

    job_id: str
    status: JobStatus | None = None
    """C{None}: as before."""
    reason: str = ""
    """Why; empty while all is well."""
    resultant_image_id: str | None = None
    """The image that came of it; C{None}: as before."""
    port: int | None = None
    """Where its container listens from now on; C{None}: as before."""
    inferred: bool = False
    """Whether somebody else than the job has found that out: what the job says itself counts
    more."""


Reports = Callable[[Report], Coroutine[Deferred[Any], Any, None]]
"""Is told of each change, in order; returns once it is written down."""


Follow = Callable[[], bool]
"""Whether somebody wants to have more of a log, now: it is asked again and again."""


class LogReader(Protocol):
    """The log of a job, read by one client at its own pace."""

    async def read(self) -> bytes:
        """Some more of it, once there is more; nothing: that was all.  May be cancelled."""

    def close(self) -> None:
        """Read no further."""


class JobBackend(Protocol):
    """
    Works on jobs.  Whatever is done here may be asked for again: what is done already is fine.

    @ivar name: which of the kinds it is; jobs' records have it.
    """

    name: str

    async def plan(self, job: NewJob) -> Mapping[str, Any]:
        """
        The members of a job's record that say what is going to be made for it, before anything is.

        @raise Problem: 503, there is no room for one more now.
        """

    async def start(self, job: NewJob) -> Mapping[str, Any]:
        """
        Begin to work on a job, whose record is stored; what follows is reported.

        @return: the members of its record that have come out otherwise than planned.
        @raise BackendError: it cannot be begun; what was made may be there still (L{remove}).
        @raise Problem: 503, there is no room for it any more.
        """

    async def finish(self, job: Record, *, failed: bool) -> None:
        """
        End the user's turn.

        @param failed: whether what the user has made of the image is not wanted.
        @raise BackendError: it cannot be ended.
        """

    async def release(self, job: Record) -> None:
        """
        Give up what a job holds that is over, but for its log.

        @raise BackendError: not all could be given up.
        """

    async def remove(self, job: Record) -> None:
        """
        End a job, however far it is, and leave nothing of it.

        @raise BackendError: something is left.
        """

    def log(self, job: Record, *, follow: Follow, tail: int | None) -> LogReader | None:
        """
        What a job has said so far.

        @param follow: whether to go on until it is over.
        @param tail: to begin with so many of the last lines; C{None}: with the first.
        @return: C{None}: there is no log of it.
        """

    async def recover(self, jobs: Sequence[Record]) -> Collection[str]:
        """
        Go on after a restart: with jobs that are not over, and with cleaning up.

        @param jobs: all records of this backend.
        @return: the ids of those that were never begun, so that nobody was told of them.
        @raise BackendError: not all is cleaned up; it is to be asked for again.
        """

    async def stop(self) -> None:
        """Hold everything, so that L{recover} can go on with it in another process."""


MakeBackend = Callable[[Reports], JobBackend]
"""Makes a backend that reports to somebody."""
