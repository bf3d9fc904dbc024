"""What the live parts of pages show, for all who look: drawn once, told as what has changed."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from httpd.pages.parts import Part, Parts, markup

LOOK_SECONDS = 2.0
"""How often it is looked whether something has changed, while anybody wants to know."""

_QUIET_LOOKS = 8
"""So many times nothing has changed; then a comment shows proxies that the connection is alive."""

_COMMENT = b":\n\n"


class Feed:
    """
    The parts as they are, and since when.

    While nobody reads nothing is done.  Each reader says what it has seen, and is told what has
    changed since: one that is slow misses what was true in between, and costs nothing.
    """

    _log = Logger()

    def __init__(
        self,
        look: Callable[[], Awaitable[Parts]],
        clock: IReactorTime,
        edition: Callable[[Parts], str],
        left: Callable[[], None] = lambda: None,
    ) -> None:
        """
        @param look: gives the parts as they are now.
        @param edition: differs where a page has to be loaded anew: it has other parts.
        @param left: is called when nobody reads any more.
        """
        self._look_at = look
        self._clock = clock
        self._edition = edition
        self._left = left
        self._parts: dict[str, Part] = {}
        self._drawn: dict[str, str] = {}
        self._changed: dict[str, int] = {}
        self._revision = 0
        self._events: dict[int, bytes] = {}
        self._quiet = 0
        self._readers: dict[Deferred[None], None] = {}
        self._reading = 0
        self._looking = False
        self._pause: Deferred[object] | None = None

    def begin(self) -> None:
        """Somebody begins to read."""
        self._reading += 1
        if not self._looking:
            Deferred.fromCoroutine(self._keep_looking())

    def end(self) -> None:
        """Somebody has ended to read."""
        self._reading -= 1
        if not self._reading and self._pause is not None:
            self._pause.cancel()

    async def after(self, seen: int) -> tuple[int, bytes]:
        """
        What has changed, once something has; or a comment, where nothing has for long.

        @param seen: the revision that the reader has; 0: none.
        @return: the revision that it has then, and the event.
        """
        if seen == self._revision or not self._parts:
            waiting: Deferred[None] = Deferred(lambda one: self._readers.pop(one, None))
            self._readers[waiting] = None
            await waiting
        return self._revision, self._event(seen)

    async def _keep_looking(self) -> None:
        """Look as long as anybody reads; then forget what was seen: it will have changed."""
        self._looking = True
        while self._reading:
            await self._look()
            if self._reading:
                self._pause = deferLater(self._clock, LOOK_SECONDS)
                with suppress(CancelledError):
                    await self._pause
                self._pause = None
        self._looking = False
        self._parts, self._drawn, self._changed = {}, {}, {}
        self._left()

    async def _look(self) -> None:
        try:
            parts = dict(await self._look_at())
            changed = {name: part for name, part in parts.items() if self._parts.get(name) != part}
            for name, part in changed.items():
                self._drawn[name] = (await markup(part.drawn())).decode()
        except Exception:
            self._log.failure("what pages show cannot be told")
            return
        if changed or parts.keys() != self._parts.keys():
            self._revision += 1
            self._changed.update(dict.fromkeys(changed, self._revision))
            self._parts = parts
            self._events.clear()
        elif self._quiet < _QUIET_LOOKS:
            self._quiet += 1
            return
        self._quiet = 0
        readers, self._readers = self._readers, {}
        for waiting in readers:
            waiting.callback(None)

    def _event(self, seen: int) -> bytes:
        """The event for those who have seen so much, made once for all of them."""
        if seen == self._revision:
            return _COMMENT
        if seen not in self._events:
            news = {name: self._drawn[name] for name in self._parts if self._changed[name] > seen}
            data = json.dumps({"edition": self._edition(self._parts), "parts": news})
            self._events[seen] = b"data: %b\n\n" % data.encode()
        return self._events[seen]
