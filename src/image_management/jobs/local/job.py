"""One job on this host, from where it is to its end: a few stages, one after the other."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from image_management.jobs.backend import Report
from image_management.jobs.local.bounds import Bounds, require_room
from image_management.jobs.local.building import build, wait_for_repositories
from image_management.jobs.local.downloads import BadDownload
from image_management.jobs.local.fetching import fetch_image, fetch_recipe
from image_management.jobs.local.folders import MOST_BEGINNINGS, JobFolder
from image_management.jobs.local.logs import append
from image_management.jobs.local.packing import Packing
from image_management.jobs.local.processes import Limits, ProgramFailed
from image_management.jobs.local.removal import remove_tree
from image_management.jobs.local.repositories import BadDescription
from image_management.jobs.local.turn import UserTurn
from image_management.jobs.local.workshop import GIB, StageFailed, Workshop
from image_management.records.record import Record
from image_management.records.words import JobStatus, JobType
from image_management.s3.errors import S3Error
from image_management.values import time_text

_FAILURES = (StageFailed, ProgramFailed, BadDownload, BadDescription, S3Error, OSError)
"""What a job may fail with; any other error is ours."""

_LONGEST_REASON = 8000
"""Characters."""

_ORDER = (
    JobStatus.CREATING,
    JobStatus.FETCHING_IMAGE,
    JobStatus.FETCHING_RECIPE,
    JobStatus.WAITING_FOR_REPOS,
    JobStatus.BUILDING_IMAGE,
    JobStatus.WAITING_ON_USER,
    JobStatus.PACKAGING_ARTIFACTS,
)


class LocalJob:
    """
    A job under way.

    @ivar turn: the user's, while it lasts; otherwise C{None}.
    """

    _log = Logger()

    def __init__(self, shop: Workshop, record: Record) -> None:
        self.record = record
        self.turn: UserTurn | None = None
        self._shop = shop
        self._folder = JobFolder.of(shop.settings.work_dir, record)
        self._at = _ORDER.index(JobStatus(record.document["status"]))
        self._size = record.document["build_env_size"] * GIB
        memory = 5 * record.document["job_mem_size"] * GIB
        self._limits = Limits(memory, 2 * self._size)

    async def run(self) -> Report:
        """
        Go on from where it is; cancelled, it stays so that it can be gone on with.

        @return: how it has ended.
        """
        try:
            self._notes = self._folder.read()
            if self._notes.has_failed:
                return Report(self.record.id, JobStatus.ERROR, self._notes.failure)
            if self.record.document["job_type"] == JobType.CREATE:
                await self._create()
            else:
                await self._customize()
        except CancelledError:
            raise
        except _FAILURES as error:
            return self._failed(str(error))
        except Exception:
            self._log.failure("job {job} failed", job=self.record.id)
            return self._failed("the service failed; its log says why")
        return Report(self.record.id, JobStatus.SUCCESS)

    async def _create(self) -> None:
        folder, debug = self._folder, self.record.document["enable_debug"]
        if self._is_before(JobStatus.WAITING_ON_USER):
            async with self._shop.slots:
                if self._is_before(JobStatus.WAITING_FOR_REPOS):
                    await self._fetch(JobStatus.FETCHING_RECIPE, folder.recipe)
                if self._is_before(JobStatus.BUILDING_IMAGE):
                    await self._stage(
                        JobStatus.WAITING_FOR_REPOS, wait_for_repositories(self._shop, folder)
                    )
                await remove_tree(self._shop.programs, folder.build)
                building = build(self._shop, folder, self._limits, debug=debug)
                try:
                    await self._stage(JobStatus.BUILDING_IMAGE, building)
                except ProgramFailed as error:
                    if not debug or not folder.built_root.is_dir():
                        raise
                    self._notes.failure = str(error)
                    self._folder.write(self._notes)
        if self._notes.failure:
            await self._show_failure()
        async with self._shop.slots:
            await self._pack(folder.built_root)

    async def _customize(self) -> None:
        root = self._folder.root
        if self._is_before(JobStatus.WAITING_ON_USER):
            async with self._shop.slots:
                await self._fetch(JobStatus.FETCHING_IMAGE, root)
        if self._is_before(JobStatus.PACKAGING_ARTIFACTS) and await self._users_turn(root):
            raise StageFailed("its user has given it up")
        async with self._shop.slots:
            await self._pack(root)

    def _is_before(self, status: JobStatus) -> bool:
        return self._at < _ORDER.index(status)

    async def _fetch(self, status: JobStatus, place: Path) -> None:
        require_room(self._shop.settings.work_dir, self._size)
        await remove_tree(self._shop.programs, place)
        fetch = fetch_image if status is JobStatus.FETCHING_IMAGE else fetch_recipe
        await self._stage(status, fetch(self._shop, self._folder, self._notes, self._limits))

    async def _pack(self, root: Path) -> None:
        packing = Packing(self._shop, self.record, self._folder)
        await packing.take_back()
        await remove_tree(self._shop.programs, self._folder.out)
        try:
            image = await self._stage(
                JobStatus.PACKAGING_ARTIFACTS, packing.make(root, self._limits)
            )
        except _FAILURES:
            await packing.take_back()
            raise
        await self._shop.report(Report(self.record.id, resultant_image_id=image))

    async def _stage(self, status: JobStatus, work: Coroutine[Deferred[Any], Any, Any]) -> Any:
        """Do the work of a stage, within its bounds."""
        begun = self._notes.begun.get(status, 0) + 1
        if begun > MOST_BEGINNINGS:
            work.close()
            raise StageFailed(f"{status}: the service was ended {MOST_BEGINNINGS} times in it")
        self._notes.begun[status] = begun
        self._folder.write(self._notes)
        await self._begin(status)
        began = self._shop.reactor.seconds()
        try:
            bounds = Bounds(self._folder.path, self._size, self._shop.settings.stage_seconds)
            return await bounds.keep(self._shop.reactor, work)
        finally:
            self._shop.observe(status, self._shop.reactor.seconds() - began)

    async def _begin(self, status: JobStatus, port: int | None = None) -> None:
        await self._shop.report(Report(self.record.id, status, port=port))
        append(self._folder.log, f"== {status} {time_text(self._shop.now())}")

    async def _users_turn(self, root: Path) -> bool:
        """
        Let the user work.

        @return: whether it is given up.
        """
        turn = UserTurn(self._shop, self.record, self._folder, self._notes.public_key)
        await turn.open(root)
        self.turn = turn
        try:
            await self._begin(JobStatus.WAITING_ON_USER, turn.port)
            bounds = Bounds(self._folder.path, self._size, None, turn.nobody_came)
            given_up = await bounds.keep(self._shop.reactor, turn.ended())
        finally:
            self.turn = None
            await turn.close()
        await turn.clean()
        return given_up

    async def _show_failure(self) -> NoReturn:
        """Let the user look at a build that has failed."""
        await self._users_turn(self._folder.built_root)
        raise StageFailed(self._notes.failure)

    def _failed(self, reason: str) -> Report:
        reason = reason[-_LONGEST_REASON:]
        self._notes.failure, self._notes.has_failed = reason, True
        self._folder.write(self._notes)
        append(self._folder.log, f"== {JobStatus.ERROR} {time_text(self._shop.now())}\n{reason}")
        return Report(self.record.id, JobStatus.ERROR, reason)
