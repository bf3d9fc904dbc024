"""Which jobs are meant: by their state, their type and their age."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from httpd.texts import quoted
from image_management.records.record import Record
from image_management.records.words import JobStatus, JobType

_SECONDS = {"w": 7 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}
_AGE = re.compile(r"(?:[0-9]{1,9}[wdhms])+")
_TERM = re.compile(r"([0-9]+)([wdhms])")


def read_age(text: str) -> int:
    """
    A duration in seconds: a sum of numbers, each with its unit, such as C{1d12h}.

    @raise ValueError: it is none.
    """
    if not _AGE.fullmatch(text):
        raise ValueError(
            f"{quoted(text)} is no age; expected numbers with the units w, d, h, m and s, such as"
            " 1d12h"
        )
    return sum(int(number) * _SECONDS[unit] for number, unit in _TERM.findall(text))


@dataclass(frozen=True, slots=True)
class Selection:
    """Jobs of which all holds that is said; all jobs where nothing is."""

    statuses: frozenset[JobStatus] = field(default_factory=frozenset)
    """Any of these."""
    job_type: JobType | None = None
    made_before: float | None = None
    """Seconds since the epoch."""

    def has(self, job: Record) -> bool:
        """Whether a job is among them."""
        document = job.document
        if self.statuses and document["status"] not in self.statuses:
            return False
        if self.job_type is not None and document["job_type"] != self.job_type:
            return False
        made = datetime.fromisoformat(document["created"]).timestamp()
        return self.made_before is None or made <= self.made_before
