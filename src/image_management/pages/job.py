"""The page of a job, C{/page/jobs/:id}: how far it is, and what it says."""

from __future__ import annotations

from weakref import WeakValueDictionary

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.template import Tag, tags

from httpd.pages.feed import Feed
from httpd.pages.parts import Part, Parts, placed
from httpd.pages.shell import Shell
from httpd.web.answered import Reply
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from image_management.jobs.backend import LogReader
from image_management.jobs.service import JobService
from image_management.pages.job_drawings import JobState, draw_job, title_of
from image_management.pages.log_end import LogEnd, read_all
from image_management.pages.views import JobView, job_view
from image_management.records.kinds import Kind
from image_management.records.record import Record
from image_management.store.errors import NotFound, StoreUnavailable
from image_management.store.store import Store


class JobPages:
    """The pages of all jobs, and what keeps each up to date while somebody looks at it."""

    def __init__(self, shell: Shell, store: Store, jobs: JobService, clock: IReactorTime) -> None:
        self._shell = shell
        self._store = store
        self._jobs = jobs
        self._clock = clock
        self._feeds: WeakValueDictionary[str, Feed] = WeakValueDictionary()

    async def reply(self, request: ServiceRequest) -> Reply:
        """
        The page of one, as it is now.

        @raise NotFound: there is no such job.
        """
        [id] = request.path_values
        record = await self._store.get(Kind.JOB, id)
        job = job_view(record)
        parts = job_parts(job, await _whole_log(self._jobs, record))
        content = (
            tags.h1(title_of(job)),
            tags.p("Job ", tags.code(job.id), class_="lead"),
            placed(parts, "job", tags.section(class_="sheet")),
            tags.section(tags.h2("Log"), placed(parts, "log", _log_place())),
        )
        events = f"page/jobs/{job.id}/events"
        return await self._shell.reply(
            title_of(job), *content, root="../../", live=parts, events=events
        )

    def feed(self, request: ServiceRequest) -> Feed:
        """What is new of one; whether or not there is one, any more or yet."""
        [id] = request.path_values
        feed = self._feeds.get(id)
        if feed is None:
            watch = _JobWatch(self._store, self._jobs, id)
            feed = self._feeds[id] = Feed(watch.parts, self._clock, self._shell.edition, watch.stop)
        return feed


class _JobWatch:
    """Looks at a job, and follows its log, while somebody looks at its page."""

    _log = Logger()

    def __init__(self, store: Store, jobs: JobService, id: str) -> None:
        self._store = store
        self._jobs = jobs
        self._id = id
        self._parts: Parts = {}
        self._following: Deferred[None] | None = None
        self._until_then: LogEnd | None = None
        self._followed = LogEnd()

    async def parts(self) -> Parts:
        """How it is now; as it was, while the store is away."""
        try:
            record = await self._store.get(Kind.JOB, self._id)
        except StoreUnavailable:
            return self._parts
        except NotFound:
            self.stop()
            self._parts = job_parts(None, None)
            return self._parts
        if self._following is None:
            self._until_then = await _whole_log(self._jobs, record)
            self._follow(record)
        # What is followed begins at the begin: until it has come as far, it is not shown.
        log = self._until_then
        if log is not None and self._followed.size >= log.size:
            log = self._followed
        self._parts = job_parts(job_view(record), log)
        return self._parts

    def stop(self) -> None:
        """Read no further."""
        following, self._following = self._following, None
        if following is not None:
            following.cancel()

    def _follow(self, record: Record) -> None:
        self._followed = LogEnd()
        reader = _reader(self._jobs, record, follow=True)
        if reader is not None:
            self._following = Deferred.fromCoroutine(self._read(reader))

    async def _read(self, reader: LogReader) -> None:
        try:
            await read_all(reader, self._followed)
        except CancelledError:
            pass  # nobody looks any more
        except Exception:
            self._log.failure("the log of job {job} cannot be followed", job=self._id)


def job_parts(job: JobView | None, log: LogEnd | None) -> Parts:
    """
    The live parts of the page of a job.

    @param job: C{None}: it is not there any more.
    @param log: C{None}: there is none.
    """
    marks = tuple(log.marks) if log is not None else ()
    text = log.text() if log is not None else "There is no log of it."
    return {
        "job": Part(None if job is None else JobState(job, marks), draw_job),
        "log": Part(text or "It has said nothing yet.", _draw_text),
    }


def _draw_text(text: str) -> Tag:
    return tags.transparent(text)


def _log_place() -> Tag:
    """Where a log is shown; it can be scrolled by keyboard, too."""
    place = tags.pre(class_="log", tabindex="0", role="region")
    return place(**{"aria-label": "The end of the log", "data-tail": ""})


async def _whole_log(jobs: JobService, record: Record) -> LogEnd | None:
    """The end of what a job has said so far; C{None}: there is no log of it."""
    reader = _reader(jobs, record, follow=False)
    if reader is None:
        return None
    log = LogEnd()
    await read_all(reader, log)
    return log


def _reader(jobs: JobService, record: Record, *, follow: bool) -> LogReader | None:
    try:
        return jobs.log(record, follow=lambda: follow, tail=None)
    except Problem:
        return None
