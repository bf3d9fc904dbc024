"""How the service is: for those who ask again and again, and for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from httpd.concurrency.coroutine_service import Background
from httpd.concurrency.slots import Slots
from httpd.web.answered import Reply
from httpd.web.request import ServiceRequest
from image_management import __version__
from image_management.routes import replies
from image_management.s3.errors import S3Error
from image_management.s3.objects import ObjectStore
from image_management.store.errors import StoreUnavailable
from image_management.store.store import Store

LOOK_SECONDS = 10.0
"""How often S3 is asked whether it is there."""

OK = "ok"


class S3Watch(Background):
    """
    Asks S3 for the service's buckets now and then: a probe is not to wait for that.

    @ivar state: L{OK}, or why it is not.
    """

    failed = "nobody asks any more whether S3 is there"
    _log = Logger()

    def __init__(self, objects: ObjectStore, buckets: Sequence[str], clock: IReactorTime) -> None:
        self._objects = objects
        self._buckets = list(dict.fromkeys(buckets))
        self._clock = clock
        self.state = "it has not answered yet"

    @property
    def is_up(self) -> bool:
        """Whether it was there when it was asked last."""
        return self.state == OK

    @property
    def trouble(self) -> str:
        """Why it was not; empty: it was."""
        return "" if self.is_up else self.state

    async def run(self) -> None:
        """Ask, until cancelled; what has changed is logged."""
        while True:
            state = await self._ask()
            if state != self.state:
                if state == OK:
                    self._log.info("S3 answers")
                else:
                    self._log.error("S3 is away: {state}", state=state)
            self.state = state
            await deferLater(self._clock, LOOK_SECONDS)

    async def _ask(self) -> str:
        for bucket in self._buckets:
            try:
                await self._objects.check(bucket)
            except S3Error as error:
                return f"bucket {bucket}: {error.kind}"
        return OK


class Probes:
    """What answers probes."""

    def __init__(self, store: Store, s3: S3Watch, slots: Slots, *, needs_s3: bool) -> None:
        """
        @param needs_s3: whether the service is ready only while S3 is there.
        """
        self._store = store
        self._s3 = s3
        self._slots = slots
        self._needs_s3 = needs_s3

    async def version(self, request: ServiceRequest) -> Reply:
        """Which release this is."""
        return replies.json({"version": __version__})

    async def live(self, request: ServiceRequest) -> Reply:
        """That the process runs."""
        return replies.json({"live": True})

    async def ready(self, request: ServiceRequest) -> Reply:
        """
        Whether the store answers.  Without S3 lists and what jobs report are answered as ever, so
        that S3 alone does not make the service unready, unless it was set to.
        """
        store = await self._store_state()
        ready = store == OK and (self._s3.is_up or not self._needs_s3)
        return replies.json({"store": store, "s3": self._s3.state}, 200 if ready else 503)

    async def status(self, request: ServiceRequest) -> Reply:
        """What people want to know of the service."""
        status = {
            "version": __version__,
            "store": await self._store_state(),
            "s3": self._s3.state,
            "operations": await self._operations(),
            "downloads": {"in_flight": self._slots.in_use, "waiting": self._slots.waiting},
        }
        return replies.json(status)

    async def _operations(self) -> Sequence[Mapping[str, str]]:
        """What is being moved or deleted, by any replica; nothing where the store does not say."""
        try:
            operations = await self._store.operations()
        except StoreUnavailable:
            return ()
        return [{"kind": one.kind, "id": one.id, "action": one.action} for one in operations]

    async def _store_state(self) -> str:
        try:
            await self._store.check()
        except StoreUnavailable as error:
            return str(error)
        return OK
