"""How large artifacts are, which records do not say: S3 is asked, once for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from cachetools import LRUCache, TTLCache
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from httpd.concurrency.slots import OwnSlots
from httpd.concurrency.threads import to_its_end
from image_management.images.manifests import ARTIFACT_NAMES, BadManifest, read_manifest
from image_management.records.kinds import Kind
from image_management.records.links import Link
from image_management.records.record import Record
from image_management.s3.errors import ObjectMissing, S3Error
from image_management.s3.objects import ObjectStore

RECIPE = "archive"
"""What the one artifact of a recipe is called."""

PATIENCE_SECONDS = 1.0
"""For how long a page waits for what is not known yet; the next one has it."""

_MOST_KNOWN = 10_000
_MOST_ASKED = 200
_MOST_AT_ONCE = 8
_UNKNOWN_SECONDS = 60.0
"""After which S3 is asked once more for what it could not say."""

Sizes = Mapping[str, int]
"""Bytes of artifacts, by their names; one that is not there is left out."""


class ArtifactSizes(Service):
    """
    Knows how large the artifacts of records are: what a link leads to stays as it is.

    As a service it asks for nothing any more when it stops.
    """

    _log = Logger()

    def __init__(
        self,
        objects: ObjectStore,
        longest_manifest: int,
        is_up: Callable[[], bool],
        clock: IReactorTime,
    ) -> None:
        """
        @param longest_manifest: bytes that a manifest has fewer than.
        @param is_up: whether S3 answers.
        """
        self._objects = objects
        self._longest_manifest = longest_manifest
        self._is_up = is_up
        self._clock = clock
        self._known: LRUCache[Link, Sizes] = LRUCache(_MOST_KNOWN)
        self._unknown: TTLCache[Link, None] = TTLCache(_MOST_KNOWN, _UNKNOWN_SECONDS, clock.seconds)
        self._slots = OwnSlots(_MOST_AT_ONCE)
        self._asking: dict[Link, Deferred[None]] = {}

    async def of(self, records: Iterable[Record]) -> Mapping[str, Sizes]:
        """
        What is known, by the records' ids; what is not is waited for a moment.

        @param records: images and recipes.
        """
        links = {}
        for record in records:
            if (link := record.link) is not None:
                links[record.id] = link
                self._begin(record.kind, link)
        await self._known_soon({*links.values()} & self._asking.keys())
        return {id: self._known.get(link, {}) for id, link in links.items()}

    def stopService(self) -> None:
        """Ask for nothing any more."""
        Service.stopService(self)
        for asking in [*self._asking.values()]:
            asking.cancel()

    async def _known_soon(self, links: Iterable[Link]) -> None:
        """Wait until S3 has answered, or for L{PATIENCE_SECONDS}."""
        waits = [to_its_end(self._asking[link]) for link in links]
        answers = gatherResults(waits, consumeErrors=True)
        await answers.addTimeout(PATIENCE_SECONDS, self._clock, lambda *_: None)

    def _begin(self, kind: Kind, link: Link) -> None:
        """Ask for what is not known, unless that is being done."""
        if link in self._known or link in self._unknown or link in self._asking:
            return
        if len(self._asking) < _MOST_ASKED and self._is_up():
            asking = Deferred.fromCoroutine(self._ask(kind, link))
            if not asking.called:
                self._asking[link] = asking

    async def _ask(self, kind: Kind, link: Link) -> None:
        try:
            async with self._slots:
                self._known[link] = await self._found(kind, link)
        except CancelledError:
            pass  # the service stops
        except (S3Error, BadManifest):
            self._unknown[link] = None
        except Exception:
            self._log.failure("nobody knows the sizes of {path}", path=link.path)
            self._unknown[link] = None
        finally:
            self._asking.pop(link, None)

    async def _found(self, kind: Kind, link: Link) -> Sizes:
        if kind is Kind.RECIPE:
            return {RECIPE: (await self._objects.head(link)).size}
        manifest = read_manifest(await self._objects.read(link, self._longest_manifest - 1))
        sizes = {}
        for name in ARTIFACT_NAMES:
            if (artifact := manifest.named(name)) is not None:
                with suppress(ObjectMissing):
                    sizes[name] = (await self._objects.head(artifact.link)).size
        return sizes
