"""
The log of a job: what the containers of its pod have written, in the order in which they begin,
each after a line with its name and the time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as LateError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from image_management.jobs.backend import Follow
from image_management.jobs.kubernetes.api import ApiError, KubernetesApi
from image_management.jobs.kubernetes.labels import JOB_LABEL
from image_management.jobs.kubernetes.pods import Stage, is_ended, stages_of
from image_management.jobs.kubernetes.resources import POD
from image_management.jobs.kubernetes.shown_lines import ShownLines
from image_management.jobs.kubernetes.streams import Stream
from image_management.records.record import Record
from image_management.values import time_text

LOOK_SECONDS = 1.0
"""Between two looks whether there is more, and whether it is still wanted."""


@dataclass(slots=True)
class _Reading:
    """The log of a stage, while it is read."""

    stream: Stream
    followed: bool
    lines: ShownLines


class PodLog:
    """
    A L{LogReader<image_management.jobs.backend.LogReader>} of a job's pod.

    What cannot be had of it is told in it: by then, whoever reads has been promised a log.
    """

    def __init__(
        self,
        api: KubernetesApi,
        job: Record,
        clock: IReactorTime,
        follow: Follow,
        tail: int | None,
        goes_on: Callable[[], Awaitable[bool]],
    ) -> None:
        """
        @param follow: whether to go on until the job is over.
        @param tail: with how many of the last lines to begin; C{None}: with the first.
        @param goes_on: whether the job is not over.
        """
        self._api = api
        self._namespace: str = job.document["kubernetes_namespace"]
        self._labels = f"{JOB_LABEL}={job.id}"
        self._clock = clock
        self._follow = follow
        self._tail = tail
        self._goes_on = goes_on
        self._told: set[Stage] = set()
        self._cut: dict[Stage, int] = {}
        self._reading: _Reading | None = None
        self._ended = False

    async def read(self) -> bytes:
        """Some more, once there is more."""
        while not self._ended:
            if self._reading is None:
                piece = await self._next()
            else:
                piece = await self._more_of(self._reading)
            if piece:
                return piece
        return b""

    def close(self) -> None:
        """Read no further."""
        self._ended = True
        if self._reading is not None:
            self._reading.stream.close()

    async def _next(self) -> bytes:
        """
        Begin with the next stage, once there is one, or end.

        @return: what is to be told of that.
        """
        try:
            pods = (await self._api.list(POD, self._namespace, self._labels)).items
            stages = stages_of(pods)
            if self._tail is not None:
                tail, self._tail = self._tail, None
                await self._leave_out(stages, tail)
        except ApiError as error:
            self._ended = True
            return _remark(error)
        for stage in stages:
            if stage not in self._told:
                return await self._begin(stage)
        if self._follow() and not all(map(is_ended, pods or [{}])) and await self._goes_on():
            await deferLater(self._clock, LOOK_SECONDS)
            return b""
        self._ended = True
        return b"" if pods else _remark("the job has no pod any more, or none yet")

    async def _begin(self, stage: Stage) -> bytes:
        self._told.add(stage)
        tail, followed = self._cut.get(stage), self._follow()
        heading = b""
        if tail is None:
            heading = f"== {stage.container} {time_text(stage.began)}\n".encode()
        try:
            stream = await self._log(stage, followed, tail)
        except ApiError as error:
            return heading + _remark(error)
        self._reading = _Reading(stream, followed, ShownLines())
        return heading

    async def _more_of(self, reading: _Reading) -> bytes:
        remark = b""
        try:
            if data := await self._data(reading):
                return reading.lines.of(data)
        except ApiError as error:
            remark = _remark(error)
        reading.stream.close()
        self._reading = None
        return reading.lines.rest() + remark

    async def _data(self, reading: _Reading) -> bytes:
        """What a container writes next; nothing: it has ended, or nobody wants to wait for it."""
        if not reading.followed:
            return await reading.stream.read()
        while True:
            coming = Deferred.fromCoroutine(reading.stream.read())
            try:
                return await coming.addTimeout(LOOK_SECONDS, self._clock)
            except LateError:
                if not (self._follow() and await self._goes_on()):
                    return b""

    async def _leave_out(self, stages: Sequence[Stage], count: int) -> None:
        """Leave out all but so many lines: those of stages, and one at the begin of each."""
        for place in reversed(range(len(stages))):
            lines = await self._count(stages[place], count)
            if lines >= count:
                self._told.update(stages[:place])
                self._cut[stages[place]] = count
                return
            count -= lines + 1

    async def _count(self, stage: Stage, most: int) -> int:
        """How many lines a container has written; those above C{most} do not count."""
        count, last = 0, b"\n"
        try:
            stream = await self._log(stage, False, most)
            try:
                while data := await stream.read():
                    count, last = count + data.count(b"\n"), data[-1:]
            finally:
                stream.close()
        except ApiError:
            return 1  # which says so
        return count + (last != b"\n")

    async def _log(self, stage: Stage, follow: bool, tail: int | None) -> Stream:
        return await self._api.log(
            self._namespace, stage.pod, stage.container, follow=follow, tail=tail
        )


def _remark(text: object) -> bytes:
    return f"-- {text}\n".encode()
