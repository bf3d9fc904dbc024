"""One OS image and how far it has got."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from time import monotonic

from twisted.logger import Logger, LogLevel

from assisted_images.catalog.catalog import Entry
from assisted_images.live.layout import Layout
from assisted_images.live.minimal import MinimalIso
from assisted_images.on_demand.on_demand_file import OnDemandFile
from assisted_images.values import Architecture, ImageType
from httpd.representation.segments import Representation
from httpd.streaming.disk import DiskFile

_LOOK_SECONDS = 0.002
"""Requests that follow each other more closely do not look at the files each: it takes 2 µs."""


class ImageState(StrEnum):
    """How far an OS image has got, as C{/status} and the metrics say it."""

    WAITING = "waiting"
    DOWNLOADING = "downloading"
    CHECKING = "checking"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ReadyImage:
    """What is served of an OS image that is ready."""

    image: Representation
    layout: Layout
    last_modified: float | None
    """Of the OS image, in seconds since the epoch; None: its origin does not say."""
    minimal: MinimalIso | None = None
    minimal_missing: str | None = None
    """Why there is no minimal ISO."""
    nmstate: Representation | None = None
    """The archive with C{nmstatectl}; None for images that want none."""
    nmstate_missing: str | None = None
    """Why there is no such archive although the image wants one."""
    files: tuple[DiskFile, ...] = ()
    """Those that all of this is read from."""

    def seems_overwritten(self) -> bool:
        """Whether somebody has written into the files, as far as can be seen without waiting."""
        return any(file.is_local and file.is_overwritten() for file in self.files)

    def is_stale(self) -> bool:
        """
        Whether somebody has written into the files, or has given their names to others.  What is
        overwritten nobody can read any more; a download of what was replaced may come to its end.
        Blocking.
        """
        overwritten = [file for file in self.files if file.is_overwritten()]
        for file in overwritten:
            file.withdraw()
        return bool(overwritten) or any(file.is_replaced() for file in self.files)


class OsImage:
    """
    One entry of the catalogue and its state, which only L{change} changes; or L{follow}, where
    another process brings the images.

    @ivar bytes: bytes on disk.
    @ivar total: bytes in all; None while that is not known.
    @ivar reason: why it has failed, or waits.
    @ivar next_try: when it will be tried again, in seconds since the epoch.
    @ivar failures: how often it has failed since the service started.
    @ivar ready: what is served; None until it is ready.
    @ivar on_demand: what is here of an image that is fetched on demand; None for others.
    @ivar whole_because: why it is fetched whole although it was to be fetched on demand.
    """

    _log = Logger()

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.state = ImageState.WAITING
        self.reason: str | None = None
        self.bytes = 0
        self.total: int | None = None
        self.next_try: float | None = None
        self.failures = 0
        self.ready: ReadyImage | None = None
        self.on_demand: OnDemandFile | None = None
        self.whole_because: str | None = None
        self._looked = -math.inf

    @property
    def rhcos_version(self) -> str | None:
        """The version that the image itself names; None until it is ready."""
        return None if self.ready is None else self.ready.layout.os_version

    def has(self, architecture: Architecture, image_type: ImageType) -> bool:
        """Whether images of this type are made of it."""
        source = ImageType.FULL if image_type is ImageType.MINIMAL else image_type
        return self.entry.architecture is architecture and self.entry.image_type is source

    def current(self) -> ReadyImage | None:
        """What is served now; not what somebody has written into since it was found good."""
        now = monotonic()
        if self.ready is None or now - self._looked < _LOOK_SECONDS:
            return self.ready
        self._looked = now
        if self.ready.seems_overwritten():
            self.ready.is_stale()
            self.take_out()
        return self.ready

    def take_out(self, reason: str = "somebody has changed its files") -> None:
        """Serve it no more: it is to be checked again."""
        self.change(ImageState.CHECKING, reason)

    @property
    def missing(self) -> str | None:
        """Why it does not serve everything although it is ready."""
        if self.ready is None:
            return None
        reasons = (self.ready.minimal_missing, self.ready.nmstate_missing, self.whole_because)
        return "; ".join(filter(None, dict.fromkeys(reasons))) or None

    @property
    def bytes_here(self) -> int:
        """Bytes on disk, at this moment."""
        return self.bytes if self.on_demand is None else self.on_demand.bytes_here

    def change(
        self,
        state: ImageState,
        reason: str | None = None,
        *,
        next_try: float | None = None,
        ready: ReadyImage | None = None,
    ) -> None:
        """
        Go over to C{state}, and say so in the log: with the fields C{version}, C{arch}, C{type},
        C{state}, C{bytes}, and where there are such C{reason}, C{total} and C{next_try}.
        """
        self.state = state
        self.reason = reason
        self.next_try = next_try
        self.ready = ready
        self.failures += state is ImageState.FAILED
        self._log.emit(
            LogLevel.warn if state is ImageState.FAILED else LogLevel.info,
            "image {version} {arch} {type}: {state}"
            + (" ({reason})" if reason else "")
            + (f", {self.bytes} bytes are here, next try {_utc(next_try)}" if next_try else ""),
            version=self.entry.version,
            arch=self.entry.architecture.value,
            type=self.entry.image_type.value,
            state=state.value,
            reason=reason,
            bytes=self.bytes,
            total=self.total,
            next_try=next_try,
        )

    def follow(
        self,
        state: ImageState,
        reason: str | None,
        next_try: float | None,
        present: tuple[int, int | None],
    ) -> None:
        """
        Take over what another process, which has logged it, says of the image.  What is ready
        there may not be here yet.

        @param present: bytes on disk, and in all.
        """
        waits = state is ImageState.READY and self.ready is None
        self.state = ImageState.CHECKING if waits else state
        self.reason, self.next_try = reason, next_try
        self.bytes, self.total = present

    def serve(self, ready: ReadyImage) -> None:
        """Serve what another process, which has logged it, has found ready."""
        self.state, self.reason, self.ready = ImageState.READY, None, ready


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
