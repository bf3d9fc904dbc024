"""Work that may take so long, and so much of the disk; then it is given up."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as LateError
from twisted.internet.task import LoopingCall
from twisted.internet.utils import getProcessOutputAndValue
from twisted.logger import Logger
from twisted.python.failure import Failure

from image_management.jobs.local.workshop import GIB, StageFailed

_MEASURE_SECONDS = 30.0
"""Between two looks at how much there is."""

_log = Logger()

T = TypeVar("T")

Watch = Callable[[], str | None]
"""Why work is to be given up now; C{None}: it is not."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much work may take."""

    folder: Path
    """What it fills."""
    size: int
    """The bytes that may be in there."""
    seconds: float | None
    """C{None}: as long as it likes."""
    watch: Watch = lambda: None
    """Is asked now and then."""

    async def keep(self, reactor: Any, work: Coroutine[Deferred[Any], Any, T]) -> T:
        """
        What C{work} returns.

        @raise StageFailed: it was given up.
        """
        running = Deferred.fromCoroutine(work)
        reasons: list[str] = []

        async def look() -> None:
            reason = self.watch() or self._too_full(await _used(reactor, self.folder))
            if reason is not None and not reasons:
                reasons.append(reason)
                running.cancel()

        looking = LoopingCall(lambda: Deferred.fromCoroutine(look()))
        looking.clock = reactor
        looking.start(_MEASURE_SECONDS, now=False).addErrback(_tell)
        if self.seconds is not None:
            running.addTimeout(self.seconds, reactor)
        try:
            return await running
        except (LateError, CancelledError) as error:
            raise self._given_up(reasons, error) from None
        finally:
            if looking.running:
                looking.stop()

    def _given_up(self, reasons: Sequence[str], error: Exception) -> Exception:
        """What is raised where work was cancelled."""
        if isinstance(error, LateError):
            return StageFailed(f"not done within {self.seconds:g} s")
        return StageFailed(reasons[0]) if reasons else error

    def _too_full(self, used: int) -> str | None:
        if used <= self.size:
            return None
        return f"disk: the job has {used} bytes, more than the {self.size} of build_env_size"


def _tell(failure: Failure) -> None:
    _log.failure("the folder of a job cannot be measured", failure)


async def _used(reactor: Any, folder: Path) -> int:
    """The bytes of the disk that are used in a folder, as far as can be seen while it changes."""
    command = ["--summarize", "--one-file-system", "--block-size=1", "--", str(folder)]
    out, _, _ = await getProcessOutputAndValue("/usr/bin/du", command, reactor=reactor)
    size = out.partition(b"\t")[0]
    return int(size) if size.isdigit() else 0


def require_room(folder: Path, size: int) -> None:
    """
    See that a disk has room for a job.

    @raise StageFailed: it has not.
    """
    free = shutil.disk_usage(folder).free
    if free < size:
        raise StageFailed(
            f"disk: {free / GIB:.1f} GiB are free, and the job may need {size / GIB:.0f} GiB"
        )
