"""The folder that a job is worked on in, and what is written down of the job there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from image_management.jobs.creation import NewJob
from image_management.records.links import Link
from image_management.records.record import Record

MOST_BEGINNINGS = 3
"""How often a stage is begun, when the process ends each time in the midst of it."""


class Notes(msgspec.Struct):
    """What a job's record does not say, and another process needs to go on with it."""

    public_key: str
    """Who may log in."""
    source: dict[str, str]
    """The link of what is worked on."""
    md5: str | None
    templates: dict[str, str]
    """What is filled into the recipe's templates, by its names."""
    begun: dict[str, int]
    """How often each stage was begun."""
    failure: str = ""
    """Why the build has failed that somebody looks at now, or the job."""
    has_failed: bool = False
    """Whether the job has: nothing more is done but to say so."""

    @classmethod
    def of(cls, job: NewJob) -> Notes:
        """Those of a new job."""
        pairs = job.artifact.document.get("template_dictionary", ())
        return cls(
            public_key=job.public_key,
            source=dict(job.source.link.document),
            md5=job.source.md5,
            templates={pair["key"]: pair["value"] for pair in pairs},
            begun={},
        )

    @property
    def link(self) -> Link:
        """Where in S3 that is which is worked on."""
        return Link.read(self.source)


_NOTES = msgspec.json.Decoder(Notes)


@dataclass(frozen=True, slots=True)
class JobFolder:
    """
    The places of a job.  It is a job's own from L{begin} to L{remove}: without its notes the job
    was never begun.
    """

    path: Path

    @classmethod
    def of(cls, work_dir: Path, job: Record) -> JobFolder:
        """That of a job."""
        return cls(work_dir / job.id)

    @property
    def recipe(self) -> Path:
        """The description that an image is built from."""
        return self.path / "recipe"

    @property
    def root(self) -> Path:
        """The root file system of the image that is customised."""
        return self.path / "root"

    @property
    def build(self) -> Path:
        """Where the build works."""
        return self.path / "build"

    @property
    def built_root(self) -> Path:
        """The root file system that it makes."""
        return self.build / "build" / "image-root"

    @property
    def out(self) -> Path:
        """What becomes of a root file system."""
        return self.path / "out"

    @property
    def source(self) -> Path:
        """The object out of S3, as far as it is here."""
        return self.path / "source"

    @property
    def log(self) -> Path:
        """What the job has said."""
        return self.path / "log"

    @property
    def shell_notes(self) -> Path:
        """What was added to the root file system for whoever logs in to it."""
        return self.path / "shell.json"

    def work(self) -> list[Path]:
        """All that is there but the log and the notes."""
        try:
            return [one for one in self.path.iterdir() if one not in {self.log, self._notes}]
        except FileNotFoundError:
            return []

    @property
    def is_begun(self) -> bool:
        """Whether its notes are there."""
        return self._notes.exists()

    @property
    def has_failed(self) -> bool:
        """Whether that has been written down (L{Notes.has_failed})."""
        try:
            return self.read().has_failed
        except (OSError, ValueError):
            return False

    @property
    def _notes(self) -> Path:
        return self.path / "job.json"

    def begin(self, notes: Notes) -> None:
        """
        Make it.  Blocking, as all that follows, for some milliseconds.

        @raise OSError: it cannot be made.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.log.touch(0o600)
        self.write(notes)

    def write(self, notes: Notes) -> None:
        """Write down; what was written stays whole whatever happens."""
        unfinished = self._notes.with_suffix(".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(unfinished, flags, 0o600), "wb") as file:
            file.write(msgspec.json.encode(notes))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._notes)

    def read(self) -> Notes:
        """
        What was written down.

        @raise OSError: nothing is there.
        @raise ValueError: it is damaged.
        """
        return _NOTES.decode(self._notes.read_bytes())
