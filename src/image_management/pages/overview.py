"""What the front page shows, as it is now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from httpd.pages.downloads import Downloads
from image_management.pages.sizes import ArtifactSizes
from image_management.pages.views import ArtifactView, JobView, artifact_view, job_view
from image_management.records.kinds import Kind
from image_management.records.record import Record
from image_management.store.errors import StoreUnavailable
from image_management.store.store import Store

FIRST = 5
"""So many of each kind are shown."""

_FIRST_OVER = 3
"""So many jobs that are over, however many are under way."""

_LOOKED_AT = 100
"""Newest jobs, among which those are that are under way."""


@dataclass(frozen=True, slots=True)
class ServiceView:
    """
    What is shown of the service itself, to anybody.

    @ivar store: why it is away; empty: it answers.
    @ivar s3: the same of S3.
    """

    store: str
    s3: str


@dataclass(frozen=True, slots=True)
class Records:
    """What is shown of the records."""

    counts: Mapping[tuple[Kind, bool], int]
    """As L{Store.counts}."""
    jobs: tuple[JobView, ...]
    """Those that are under way, and the newest others."""
    under_way: int
    images: tuple[ArtifactView, ...]
    recipes: tuple[ArtifactView, ...]

    def count(self, kind: Kind, *, deleted: bool = False) -> int:
        """How many there are of a kind."""
        return self.counts.get((kind, deleted), 0)


class Overview:
    """
    Looks at all of it.

    @ivar sizes: how large artifacts are.
    @ivar downloads: what clients download, and have of late.
    """

    def __init__(
        self,
        store: Store,
        sizes: ArtifactSizes,
        downloads: Callable[[], Downloads],
        s3_trouble: Callable[[], str],
    ) -> None:
        """
        @param s3_trouble: why S3 is away; empty: it answers.
        """
        self._store = store
        self.sizes = sizes
        self.downloads = downloads
        self._s3_trouble = s3_trouble

    async def service(self) -> ServiceView:
        """How the service is."""
        try:
            await self._store.check()
        except StoreUnavailable as error:
            return ServiceView(str(error), self._s3_trouble())
        return ServiceView("", self._s3_trouble())

    async def records(self) -> Records:
        """
        What there is.

        @raise StoreUnavailable: nobody knows.
        """
        jobs = await self._store.newest(Kind.JOB, limit=_LOOKED_AT)
        views = [*map(job_view, jobs.records)]
        under_way = [job for job in views if not job.is_over]
        over = [job for job in views if job.is_over]
        return Records(
            counts=await self._store.counts(),
            jobs=(*under_way, *over[: max(_FIRST_OVER, FIRST - len(under_way))]),
            under_way=len(under_way),
            images=await self._artifacts(Kind.IMAGE),
            recipes=await self._artifacts(Kind.RECIPE),
        )

    async def _artifacts(self, kind: Kind) -> tuple[ArtifactView, ...]:
        newest = await self._store.newest(kind, limit=FIRST)
        return await artifact_views(newest.records, self.sizes)


async def artifact_views(
    records: Sequence[Record], sizes: ArtifactSizes
) -> tuple[ArtifactView, ...]:
    """What is shown of images or recipes."""
    known = await sizes.of(records)
    return tuple(artifact_view(record, known.get(record.id, {})) for record in records)
