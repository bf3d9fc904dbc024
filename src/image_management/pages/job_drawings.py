"""How jobs are drawn: one among others, and one alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from twisted.web.template import Tag, tags

from httpd.pages.figures import ago, chip, date, facts, span
from httpd.pages.parts import copied, hyphened
from httpd.texts import shortened
from image_management.pages.log_end import Mark
from image_management.pages.views import JobView
from image_management.records.words import JobStatus, JobType

_MOODS = {
    JobStatus.CREATING: "calm",
    JobStatus.ERROR: "bad",
    JobStatus.SUCCESS: "good",
}

_LONGEST_REASON = 300
"""Characters, where a job is one among others."""


def words(status: str) -> str:
    """A status or a stage, as people read it: C{Building image}."""
    return status.replace("_", " ").replace("-", " ").capitalize()


def draw_job_row(job: JobView, root: str = "") -> Tag:
    """
    One of several jobs.

    @param root: the way to the root of the pages.
    """
    return tags.li(
        tags.div(
            tags.h3(tags.a(title_of(job), href=f"{root}page/jobs/{job.id}")),
            tags.span(facts(_told(job)), class_="quiet"),
            chip(words(job.status), _MOODS.get(job.status, "busy")),
            class_="row",
        ),
        "" if job.is_over else draw_stages(job),
        tags.p(shortened(job.reason, _LONGEST_REASON), class_="trouble") if job.reason else "",
        *_logins(job),
    )


def title_of(job: JobView) -> str:
    """What a job is called: as the image that comes of it."""
    return job.name or f"Job {job.id}"


@dataclass(frozen=True, slots=True)
class JobState:
    """What is shown of one job alone, above its log."""

    job: JobView
    marks: tuple[Mark, ...]
    """The stages that its log has."""


def draw_job(state: JobState | None) -> Tag:
    """
    One job alone.

    @param state: C{None}: it is not there any more.
    """
    if state is None:
        return tags.p("This job was deleted.", class_="trouble")
    job = state.job
    reason = tags.pre(job.reason, class_="trouble") if job.reason else ""
    return tags.transparent(
        tags.div(
            tags.span(facts(_told(job)), class_="quiet"),
            chip(words(job.status), _MOODS.get(job.status, "busy")),
            class_="row",
        ),
        draw_stages(job, state.marks),
        _other_stages(state.marks),
        reason,
        *_logins(job),
        _links(job),
    )


def _told(job: JobView) -> Iterator[Tag | str]:
    """What it is, and since when."""
    yield words(job.type)
    yield job.architecture
    if job.node:
        yield f"on {job.node}"
    when = date if job.is_over else ago
    yield tags.span("begun ", when(job.created))


def draw_stages(job: JobView, marks: Sequence[Mark] = ()) -> Tag:
    """
    What a job goes through: what it has passed, and where it is.

    @param marks: the stages that its log has; without them nobody knows in which one a job has
        failed.
    """
    at = _reached(job, marks)
    if at is None:
        return tags.transparent()
    began = {mark.name: mark.at for mark in marks}
    took = {mark.name: after.at - mark.at for mark, after in pairwise(marks)}
    failed = job.status is JobStatus.ERROR
    items = []
    for position, stage in enumerate(job.stages):
        time: Tag | str = tags.small(span(took[stage])) if stage in took else ""
        if position < at:
            state, said = "passed", "done"
        elif position > at:
            state, said = "to-come", "not begun" if failed else "to come"
        elif failed:
            state, said = "failed", "failed"
        else:
            state, said = "now", "under way"
            time = tags.small("begun ", ago(began[stage])) if stage in began else ""
        current = hyphened(aria_current="step" if state == "now" else None)
        label = tags.span(words(stage), tags.span(f", {said}", class_="unseen"))
        items.append(tags.li(label, time, class_=state, **current))
    return tags.ol(items, class_="stages", **{"aria-label": "Stages"})


def _reached(job: JobView, marks: Sequence[Mark]) -> int | None:
    """The position of the stage that a job is in, or has failed in; C{None}: nobody knows it."""
    if job.status is JobStatus.SUCCESS:
        return len(job.stages)
    if job.status is not JobStatus.ERROR:
        return job.stages.index(job.status)
    known = [mark.name for mark in marks if mark.name in job.stages]
    return job.stages.index(JobStatus(known[-1])) if known else None


def _other_stages(marks: Sequence[Mark]) -> Tag:
    """The stages of a log that are none of a job's: the containers of its pod."""
    times = [
        tags.span(tags.code(mark.name), f" {span(after.at - mark.at)}" if after else "")
        for mark, after in zip_longest(marks, marks[1:])
        if mark.name not in {*JobStatus}
    ]
    return tags.p(facts(times), class_="quiet") if times else tags.transparent()


def _logins(job: JobView) -> Iterator[Tag]:
    """How to log in, as lines for a shell."""
    for number, login in enumerate(job.logins):
        network = f" ({login.network})" if login.network else ""
        yield tags.p(f"Log in{network}:", class_="quiet login")
        label = f"Copy: log in to {title_of(job)}{network}"
        yield copied(login.command, f"login-{job.id}-{number}", label)


def _links(job: JobView) -> Tag:
    """What else there is to read, and what it works on; from a page of one job."""
    root, kind = "../../v3", "recipes" if job.type is JobType.CREATE else "images"
    links = [
        tags.a("Its record", href=f"{root}/jobs/{job.id}"),
        tags.a("The whole log", href=f"{root}/jobs/{job.id}/log"),
        tags.a(f"The {kind[:-1]} that it begins with", href=f"{root}/{kind}/{job.artifact_id}"),
    ]
    if not job.is_over:
        links.insert(2, tags.a("The log as it grows", href=f"{root}/jobs/{job.id}/log?follow=true"))
    if job.image_id:
        links.append(tags.a("The image that came of it", href=f"{root}/images/{job.image_id}"))
    return tags.p(facts(links), class_="links")
