"""C{/jobs}."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TypeVar

from httpd.texts import quoted
from httpd.web.answered import Reply
from httpd.web.json_body import json_body
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from image_management.jobs.backend import BackendError
from image_management.jobs.selection import Selection, read_age
from image_management.jobs.service import JobService
from image_management.records.kinds import Kind
from image_management.records.record import Record
from image_management.records.schemas import read_input, read_patch
from image_management.records.words import JobOperation, JobStatus, JobType
from image_management.routes import query, replies
from image_management.routes.collection import Collection
from image_management.store.store import Store
from image_management.values import time_text

W = TypeVar("W", bound=StrEnum)

_FILTERS = {b"status", b"job_type", b"age"}


class Jobs(Collection):
    """Jobs: made, told of, ended and deleted."""

    def __init__(self, store: Store, jobs: JobService, now: Callable[[], float]) -> None:
        """
        @param now: the Unix time.
        """
        super().__init__(Kind.JOB, store)
        self._jobs = jobs
        self._now = now

    async def create(self, request: ServiceRequest) -> Reply:
        """Begin one."""
        members = read_input(Kind.JOB, json_body(request))
        record = await self._jobs.create(members, time_text(self._now()))
        request.facts["record"] = record.id
        return replies.one(record, 201)

    async def change(self, request: ServiceRequest) -> Reply:
        """Take what a job reports of itself, or end its user's turn."""
        record = await self.known(request)
        change = read_patch(Kind.JOB, json_body(request))
        match change.get("operation"):
            case None:
                record = await self._jobs.change(record, change)
            case operation:
                failed = operation == JobOperation.FAIL
                record = await self._jobs.finish(record, failed=failed)
        return replies.one(record)

    async def remove(self, request: ServiceRequest) -> Reply:
        """End one, and forget it."""
        await self._remove([await self.known(request)])
        return replies.nothing()

    async def remove_selected(self, request: ServiceRequest) -> Reply:
        """End and forget those that are meant."""
        selection = self._selection(request)
        await self._remove(filter(selection.has, await self._store.list_records(Kind.JOB)))
        return replies.nothing()

    async def _remove(self, jobs: Iterable[Record]) -> None:
        """
        Remove each for itself.

        @raise Problem: 502, something is left of some, whose records stay.
        """
        errors: list[str] = []
        for job in jobs:
            try:
                await self._jobs.remove(job)
            except BackendError as error:
                errors.append(f"job {job.id}: {error}")
        if errors:
            raise Problem(502, "something is left of jobs", errors={"jobs": errors})

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
