"""Noticing that somebody changes the files of an image that is served."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from assisted_images.store.states import OsImage
from httpd.concurrency.threads import RunInThread

WATCH_SECONDS = 1.0
"""How often files are looked at that nobody asks for."""


async def until_changed(image: OsImage, clock: IReactorTime, run_in_thread: RunInThread) -> None:
    """
    Watch the files of an image that is ready; returns once it is not served any more, whoever has
    noticed.

    @param run_in_thread: where a file system may be waited for.
    """
    ready = image.ready
    while ready is not None and image.ready is ready:
        await deferLater(clock, WATCH_SECONDS)
        if image.ready is ready and await run_in_thread(ready.is_stale) and image.ready is ready:
            image.take_out()
