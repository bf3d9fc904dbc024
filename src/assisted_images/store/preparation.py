"""Bringing one OS image to where it can be served: found or downloaded, checked, derived from."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import CancelledError
from twisted.internet.task import deferLater
from twisted.logger import Logger

from assisted_images.downloads.parts import NoSpace, Part, PartInUse
from assisted_images.downloads.room import NO_ROOM
from assisted_images.iso9660.volume import IsoError
from assisted_images.on_demand.block_file import remove_blocks
from assisted_images.store.checks import Checked, check_image
from assisted_images.store.derived import ready_image
from assisted_images.store.files import file_size, inode, remove_part, remove_set_aside, set_aside
from assisted_images.store.records import Record, forget, read_record, write_record
from assisted_images.store.states import ImageState, OsImage, ReadyImage
from assisted_images.store.watching import until_changed
from assisted_images.store.workshop import Workshop
from httpd.outbound.failures import DownloadError
from httpd.texts import os_error_text

LONGEST_DELAY = 300.0
"""Seconds until a failed image is tried again, at most."""

MOST_PATIENCE = 3600.0
"""Seconds for which an origin or a registry is left alone where it asks for that, at most."""


class Preparation:
    """One image's way to L{ImageState.READY}, tried again and again."""

    _log = Logger()

    def __init__(self, image: OsImage, workshop: Workshop) -> None:
        self._image = image
        self._workshop = workshop
        self._target = workshop.data_dir / image.entry.file_name
        self._origin = workshop.origin(image.entry)
        self._gets_on()
        self._wait = 0.0
        """Seconds for which whoever was asked wants to be left alone."""
        self._checked: Checked | None = None

    async def keep(self) -> None:
        """L{run}, and again when somebody has changed the image's files; never returns."""
        while True:
            await self.run()
            await until_changed(self._image, self._workshop.clock, self._workshop.read_in_thread)
            self._gets_on()

    def _gets_on(self) -> None:
        """Whatever failures there were, they are none in a row."""
        self._delay = self._workshop.first_delay
        self._failures = 0

    async def run(self, most_failures: int | None = None) -> None:
        """
        Return once the image is ready and what is known of it is remembered; a failure is the
        image's state, never an error.

        @param most_failures: it is given up after so many in a row, 2 or more, without getting on;
            C{None}: never.
        """
        while self._image.state is not ImageState.READY:
            before = self._image.bytes
            reason = await self._attempt()
            if reason is None:
                continue
            if self._image.bytes > before:
                # It fails, but it gets on.
                self._gets_on()
            self._failures += 1
            if self._failures == most_failures:
                self._image.change(ImageState.FAILED, reason)
                return
            delay = max(self._delay, self._wait)
            next_try = self._workshop.now() + delay
            self._image.change(ImageState.FAILED, reason, next_try=next_try)
            await deferLater(self._workshop.clock, delay)
            self._delay = min(2 * self._delay, LONGEST_DELAY)
        await self._remember()

    async def _attempt(self) -> str | None:
        """
        Try once.

        @return: why it failed; None when the image is ready or should be tried again at once.
        """
        self._wait = 0.0
        try:
            await self._bring()
        except PartInUse as error:
            # It is coming along, only not by us.
            self._gets_on()
            return str(error)
        except DownloadError as error:
            self._wait = min(error.retry_after, MOST_PATIENCE)
            return str(error)
        except IsoError as error:
            return str(error)
        except OSError as error:
            return os_error_text(error)
        except CancelledError:
            raise
        except Exception as error:
            # One image's trouble, whatever it is, is not the others'.
            self._log.failure("unexpected trouble with image {version}", version=self._version)
            return f"unexpected trouble ({type(error).__name__})"
        return None

    async def _bring(self) -> None:
        """Find or download it; where the next attempt will have it, it is not ready yet."""
        self._checked = await self._found() or await self._downloaded()
        if self._checked is not None:
            await self._finish(self._checked)

    @property
    def _version(self) -> str:
        return self._image.entry.version

    async def _found(self) -> Checked | None:
        """Check the file that is there; one that fails is set aside, and None returned."""
        run_in_thread = self._workshop.run_in_thread
        found = await run_in_thread(inode, self._target)
        if found is None:
            return None
        try:
            if not await self._origin.is_of(self._target):
                raise IsoError("it is of another release")
            record = await run_in_thread(read_record, self._target)
            checked = await self._check(self._target, record)
            await run_in_thread(remove_part, self._target)
            await run_in_thread(remove_blocks, self._target)
            return checked
        except IsoError as error:
            try:
                refused = await run_in_thread(set_aside, self._target, found)
            except OSError as trouble:
                reason = f"{error}; it cannot be set aside: {os_error_text(trouble)}"
                raise IsoError(reason) from None
            if refused is not None:
                self._log.warn(
                    "{name} was set aside as {refused}: {reason}",
                    name=self._target.name,
                    refused=refused.name,
                    reason=str(error),
                )
            return None

    async def _size(self, path: Path) -> int | None:
        """Bytes in a file; None when there is no such file."""
        return await self._workshop.run_in_thread(file_size, path)

    async def _check(
        self, path: Path, record: Record | None = None, arrived: str | None = None
    ) -> Checked:
        workshop = self._workshop
        async with workshop.checks:
            self._image.change(ImageState.CHECKING)
            size = await self._size(path)
            self._image.bytes, self._image.total = size or 0, size
            return await workshop.run_in_thread(
                check_image,
                path,
                self._image.entry,
                workshop.limits,
                workshop.stop,
                record,
                arrived,
            )

    async def _downloaded(self) -> Checked | None:
        """
        Download and check.

        @return: None when the next attempt will have it, or has more room for it.
        """
        workshop = self._workshop
        if self._image.state is not ImageState.WAITING:
            self._image.change(ImageState.WAITING)
        async with workshop.downloads:
            part = await workshop.run_in_thread(Part.open, self._target)
            self._progressed(part.size, part.provenance.total if part.provenance else None)
            try:
                if await self._size(self._target) is not None:
                    # Another process was first, and its file is to be used.
                    await workshop.run_in_thread(part.discard)
                    return None
                return await self._publish(part) if await self._download(part) else None
            finally:
                await workshop.run_in_thread(part.close)

    async def _download(self, part: Part) -> bool:
        """Whether all is there; when not, room has been made for it."""
        self._image.change(ImageState.DOWNLOADING)
        workshop = self._workshop
        try:
            await self._origin.download(part, self._progressed)
        except (NoSpace, OSError) as error:
            # A set-aside file is the one thing here that nobody needs.
            no_room = isinstance(error, NoSpace) or error.errno in NO_ROOM
            if not (no_room and await workshop.run_in_thread(remove_set_aside, self._target)):
                raise
            return False
        else:
            return True
        finally:
            # A write that failed may have written some of it.
            self._image.bytes = part.size

    def _progressed(self, present: int, total: int | None) -> None:
        self._image.bytes, self._image.total = present, total

    async def _publish(self, part: Part) -> Checked:
        workshop = self._workshop
        try:
            checked = await self._check(part.path, arrived=part.sha256)
        except IsoError:
            # The origin sends something else than an OS image: nothing of it is worth keeping.
            await workshop.run_in_thread(part.discard)
            self._image.bytes, self._image.total = 0, None
            raise
        await workshop.run_in_thread(forget, self._target)
        await self._forget_derived()
        await self._origin.remember(self._target)
        await workshop.run_in_thread(part.publish)
        await workshop.run_in_thread(remove_blocks, self._target)
        return checked

    async def _forget_derived(self) -> None:
        """What was derived from an earlier file of this name is not true of this one."""
        run_in_thread = self._workshop.run_in_thread
        nmstate = self._workshop.data_dir / self._image.entry.nmstate_file_name
        await run_in_thread(nmstate.unlink, missing_ok=True)
        await run_in_thread(forget, nmstate)

    async def _finish(self, checked: Checked) -> None:
        workshop = self._workshop
        async with workshop.checks:
            ready = await workshop.run_in_thread(
                ready_image,
                self._target,
                checked,
                self._image.entry,
                workshop.base_url,
                workshop.read_in_thread,
            )
        await workshop.run_in_thread(remove_set_aside, self._target)
        self._tell_ready(ready)

    def _tell_ready(self, ready: ReadyImage) -> None:
        for missing in filter(None, {ready.nmstate_missing, ready.minimal_missing}):
            self._log.warn(
                "image {version} {arch} has no minimal ISO: {reason}",
                version=self._version,
                arch=self._image.entry.architecture.value,
                reason=missing,
            )
        self._image.change(ImageState.READY, ready=ready)

    async def _remember(self) -> None:
        """See to it that the next start need not hash the image, if nobody touches it."""
        checked = self._checked
        if checked is not None and not checked.remembered:
            await self._workshop.run_in_thread(
                write_record, self._target, checked.sha256, checked.stamp
            )
