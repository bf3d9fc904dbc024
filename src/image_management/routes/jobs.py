"""C{/jobs}."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from httpd.texts import quoted
from httpd.web.answered import Reply
from httpd.web.json_body import json_body
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from image_management.jobs.creation import JobCreation
from image_management.jobs.selection import Selection, read_age
from image_management.records.kinds import Kind
from image_management.records.schemas import patched, read_input, read_patch
from image_management.records.words import JobStatus, JobType
from image_management.routes import query, replies
from image_management.routes.collection import Collection
from image_management.store.store import Store
from image_management.values import time_text

W = TypeVar("W", bound=StrEnum)

_FILTERS = {b"status", b"job_type", b"age"}


class Jobs(Collection):
    """Jobs: made, told of, and deleted."""

    def __init__(self, store: Store, creation: JobCreation, now: Callable[[], float]) -> None:
        """
        @param now: the Unix time.
        """
        super().__init__(Kind.JOB, store)
        self._creation = creation
        self._now = now

    async def create(self, request: ServiceRequest) -> Reply:
        """Find out all that the job needs."""
        members = read_input(Kind.JOB, json_body(request))
        await self._creation.prepare(members, time_text(self._now()))
        raise Problem(503, "no job backend is configured")

    async def change(self, request: ServiceRequest) -> Reply:
        """Take what a job reports of itself."""
        record = await self.known(request)
        change = read_patch(Kind.JOB, json_body(request))
        return replies.one(
            await self._store.change(Kind.JOB, record.id, lambda job: patched(job, change))
        )

    async def remove_selected(self, request: ServiceRequest) -> Reply:
        """Forget those that are meant."""
        return await self.remove_those(self._selection(request).has)

    def _selection(self, request: ServiceRequest) -> Selection:
        """
        Which jobs are meant.

        @raise Problem: 400, that makes no sense.  An unknown parameter is a slip, too: without it
            everything would go.
        """
        for name in request.args.keys() - _FILTERS:
            shown = quoted(name.decode("utf-8", "replace"))
            raise Problem(400, f"there is no filter {shown}; expected status, job_type or age")
        statuses = [_word(JobStatus, "status", said) for said in query.texts(request, "status")]
        job_type = query.text(request, "job_type")
        return Selection(
            frozenset(statuses),
            None if job_type is None else _word(JobType, "job_type", job_type),
            self._made_before(query.text(request, "age")),
        )

    def _made_before(self, age: str | None) -> float | None:
        if age is None:
            return None
        try:
            return self._now() - read_age(age)
        except ValueError as error:
            raise query.wrong("age", str(error)) from None


def _word(words: type[W], name: str, said: str) -> W:
    try:
        return words(said)
    except ValueError:
        expected = ", ".join(words)
        raise query.wrong(name, f"{quoted(said)}; expected one of {expected}") from None
