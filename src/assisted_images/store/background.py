"""Bringing one OS image here as a whole while it is served already."""

from __future__ import annotations

from pathlib import Path
from threading import Event

from twisted.internet.defer import FirstError, gatherResults
from twisted.internet.task import deferLater

from assisted_images.iso9660.errors import IsoError
from assisted_images.on_demand.block_file import remove_blocks
from assisted_images.on_demand.on_demand_file import OnDemandFile
from assisted_images.store.checks import Checked
from assisted_images.store.on_demand import OnDemandPreparation
from assisted_images.store.preparation import LONGEST_DELAY
from assisted_images.store.records import Stamp, digest, write_record
from assisted_images.store.states import ImageState
from httpd.concurrency.threads import to_its_end
from httpd.texts import os_error_text

_SIDE_BY_SIDE = 8
"""Blocks that are asked for when there is nothing else to do."""

_PAUSE_SECONDS = 5.0
"""Until what failed is tried again, or what another process is at."""

_TRIES, _TRY_SECONDS = 10, 0.5
"""How often blocks are tried to be published, while others seal them; seconds between two tries."""


class BackgroundPreparation(OnDemandPreparation):
    """
    One image's way to L{ImageState.READY<assisted_images.store.states.ImageState>}, and from there
    to an image that is here as a whole and has been checked.
    """

    bounded = False

    async def _remember(self) -> None:
        """Bring the rest, once it is ready."""
        file, sha256 = self._file, None
        while file is not None and file is self._file:
            try:
                await self._bring_rest(file)
                sha256 = sha256 or await self._hashed(file)
                expected = self._image.entry.sha256
                if expected not in {None, sha256}:
                    await self._refuse(f"its sha256 is {sha256}, but the catalogue says {expected}")
                elif await self._publish_blocks(file):
                    await self._become_whole(file, sha256)
                    return
            except (OSError, IsoError) as error:
                self._log.warn(
                    "{name} cannot be brought here as a whole: {reason}",
                    name=self._target.name,
                    reason=os_error_text(error) if isinstance(error, OSError) else str(error),
                )
            await deferLater(self._workshop.clock, _PAUSE_SECONDS)
        await super()._remember()

    async def _bring_rest(self, file: OnDemandFile) -> None:
        """
        Bring what is missing; readers go first.

        @raise OSError: it cannot be had now.
        """
        missing = file.held.missing(0, file.held.file.count)
        for start in range(0, len(missing), _SIDE_BY_SIDE):
            blocks = missing[start : start + _SIDE_BY_SIDE]
            coming = [file.fetching.bring(block) for block in blocks]
            try:
                await gatherResults(coming, consumeErrors=True)
            except FirstError as error:
                error.subFailure.raiseException()

    async def _hashed(self, file: OnDemandFile) -> str:
        workshop = self._workshop
        async with workshop.checks:
            path = file.held.file.path
            return await workshop.run_in_thread(_digest, path, file.size, workshop.stop)

    async def _publish_blocks(self, file: OnDemandFile) -> bool:
        """Whether they are the image's file now; not as long as another process is at them."""
        workshop, blocks, published = self._workshop, file.held.file, False
        blocks.seal(sealed=True)
        try:
            for _ in range(_TRIES):
                publishing = workshop.run_in_thread(
                    blocks.publish, self._target, file.last_modified
                )
                published = await to_its_end(publishing)
                if published:
                    break
                await deferLater(workshop.clock, _TRY_SECONDS)
        finally:
            if not published:
                blocks.seal(sealed=False)
        return published

    async def _become_whole(self, file: OnDemandFile, sha256: str) -> None:
        """Serve the file; who reads the blocks comes to his end."""
        image, workshop = self._image, self._workshop
        stamp = await workshop.run_in_thread(_stamp, self._target)
        await workshop.run_in_thread(write_record, self._target, sha256, stamp)
        self._images.retire(file)
        self._file = image.on_demand = None
        image.bytes = file.size
        if image.ready is not None:
            self._checked = Checked(image.ready.layout, stamp, sha256, remembered=True)
            await self._finish(self._checked)

    async def _refuse(self, reason: str) -> None:
        """It is not the image that it should be: begin anew, after a while."""
        self._take_out(reason)
        await self._workshop.run_in_thread(remove_blocks, self._target)
        next_try = self._workshop.now() + LONGEST_DELAY
        self._image.change(ImageState.FAILED, reason, next_try=next_try)
        await deferLater(self._workshop.clock, LONGEST_DELAY)


def _digest(path: Path, size: int, stop: Event) -> str:
    with path.open("rb") as file:
        return digest(file, stop, size)


def _stamp(path: Path) -> Stamp:
    return Stamp.of(path.stat())
