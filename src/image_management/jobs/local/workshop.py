"""What all jobs of this host are worked on with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from httpd.concurrency.slots import Slots
from httpd.concurrency.threads import RunInThread
from httpd.outbound.agent import IOutboundAgent
from image_management.jobs.backend import Reports
from image_management.jobs.local.processes import Programs
from image_management.s3.objects import ObjectStore
from image_management.store.store import Store

GIB = 1024**3


class StageFailed(Exception):
    """A job cannot go on; the text is the reason that its record gets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """How this host works on jobs."""

    work_dir: Path
    """Where each job has a folder."""
    key_dir: Path
    """Where the keys are by which SSH clients know this host."""
    ssh_host: str
    """The name by which they reach it."""
    ssh_ports: Sequence[int]
    """Where jobs listen, one each; 0 is any port."""
    slots: int
    """How many jobs work at once."""
    shells: int
    """How many there may be that somebody logs in to."""
    kiwi: str
    """The program that builds images."""
    stage_seconds: float
    idle_seconds: float
    """Without a session, after which a job fails; 0: it never does."""
    keep_failed: bool
    """Whether the folder of a job that has failed stays until the job is deleted."""
    ca_cert: Path | None
    """What goes into every image."""
    boot_images_bucket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """The parts of the service that jobs need."""

    settings: LocalSettings
    reactor: Any
    store: Store
    objects: ObjectStore
    programs: Programs
    agent: IOutboundAgent
    """Asks repositories."""
    slots: Slots
    run_in_thread: RunInThread
    report: Reports
    observe: Callable[[str, float], None]
    """Is told how many seconds a stage took."""
    now: Callable[[], float]
    """The Unix time."""
