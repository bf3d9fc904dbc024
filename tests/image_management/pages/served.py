"""The pages of the service, served in the tests' reactor, over records and jobs of the tests."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

from twisted.internet.defer import Deferred

from httpd.concurrency.slots import OwnSlots
from httpd.http1.connections import Connections
from httpd.logs.requests import RequestEvents
from httpd.pages.downloads import Downloads
from httpd.web.bearer import Bearer
from image_management.images.manifests import artifact_entry, image_manifest, manifest_bytes
from image_management.jobs.backend import Follow, LogReader
from image_management.jobs.service import JobService
from image_management.pages.overview import Overview
from image_management.pages.sizes import ArtifactSizes
from image_management.records.kinds import Kind
from image_management.records.links import Link
from image_management.records.record import Record
from image_management.records.schemas import make_record
from image_management.records.words import ContainerStatus
from image_management.routes.application import Application
from image_management.routes.metrics import Metrics
from image_management.routes.probes import OK, S3Watch
from image_management.routes.tree import make_site, route_table
from image_management.s3.facts import ObjectFacts
from image_management.s3.objects import ObjectStore
from image_management.values import time_text
from tests.httpd.web.serving import Answer, ask, listen, reactor
from tests.image_management.images.memory import MemoryObjects
from tests.image_management.jobs.samples import Prepared, Remembering
from tests.image_management.store.case import OnSqlite, StoreCase

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEQ5fcITJ5hElBYfF3THVr72pEdxVsTffvFRNlwQEruP nobody"
MIB = 1 << 20
ARTIFACTS = {"rootfs": 1420 * MIB, "kernel": 11 * MIB, "initrd": 64 * MIB, "boot_parameters": 61}
"""Sizes of an image's, in bytes."""


class LargeObjects(MemoryObjects):
    """Objects in memory that S3 says are larger; it counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: dict[str, int] = {}
        self.asked = 0

    async def head(self, link: Link) -> ObjectFacts:
        self.asked += 1
        facts = await super().head(link)
        return replace(facts, size=self.sizes.get(link.path, facts.size))


class Talk:
    """What a job says, and whether it goes on."""

    def __init__(self) -> None:
        self.said = b""
        self.goes_on = True
        self.readers = 0
        self._waiting: list[Deferred[None]] = []

    def say(self, text: str, *, last: bool = False) -> None:
        self.said += text.encode()
        self.goes_on = not last
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)

    async def more(self) -> None:
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        await waiting


class Listener:
    """A reader of a L{Talk}."""

    def __init__(self, talk: Talk, follow: Follow) -> None:
        self._talk, self._follow = talk, follow
        self._place = 0
        talk.readers += 1

    async def read(self) -> bytes:
        while True:
            piece = self._talk.said[self._place : self._place + 4096]
            if piece or not (self._follow() and self._talk.goes_on):
                self._place += len(piece)
                return piece
            await self._talk.more()

    def close(self) -> None:
        self._talk.readers -= 1


class Talking(Remembering):
    """A backend whose jobs say what the test has them say."""

    talks: dict[str, Talk]

    def log(self, job: Record, *, follow: Follow, tail: int | None) -> LogReader | None:
        assert tail is None
        talk = self.talks.get(job.id)
        return None if talk is None else Listener(talk, follow)


class ServedCase(OnSqlite, StoreCase):
    """
    Cases with pages.

    @ivar talks: what jobs say, by their ids.
    @ivar downloads: what clients download.
    @ivar bearer: who verifies tokens; C{None}: nobody needs one.
    """

    bearer: Bearer | None = None
    path_prefix = ""

    def setUp(self) -> None:
        super().setUp()
        self.now = time.time()
        self.store = self.open_store()
        self.objects = LargeObjects()
        self.talks: dict[str, Talk] = {}
        self.downloads = Downloads(0, 0, 400, 1, None, (), ())
        self.slots = OwnSlots(10)
        self.connections = Connections(100)
        objects = cast(ObjectStore, self.objects)
        self.s3 = S3Watch(objects, (), reactor)
        self.s3.state = OK
        self.sizes = ArtifactSizes(objects, MIB, lambda: self.s3.is_up, reactor)
        self.jobs = JobService(self.store, Prepared(), self._backend, reactor)
        nothing = cast(Any, None)
        self.application = Application(
            store=self.store,
            images=nothing,
            link_checks=nothing,
            artifacts=nothing,
            jobs=self.jobs,
            nodes=nothing,
            s3=self.s3,
            slots=self.slots,
            connections=self.connections,
            metrics=Metrics(self.slots, self.connections),
            request_log=RequestEvents(),
            clock=reactor,
            bearer=self.bearer,
            overview=Overview(
                self.store, self.sizes, lambda: self.downloads, lambda: self.s3.trouble
            ),
            path_prefix=self.path_prefix,
        )
        site = make_site(self.application, route_table(self.application))
        self.port = listen(self, site)

    def _backend(self, reports: Any) -> Talking:
        backend = Talking(reports)
        backend.talks = self.talks
        return backend

    async def ask(self, path: str = "/", method: str = "GET") -> Answer:
        return await ask(self.port, path, method)

    # --- what there is

    def id_of(self, number: int) -> str:
        """The same in each run, so that pictures are."""
        return str(UUID(int=0x6F0C5B7E << 96 | number, version=4))

    async def add(self, kind: Kind, number: int, minutes_ago: float = 0, **members: Any) -> Record:
        when = time_text(self.now - 60 * minutes_ago)
        return await self.store.add(make_record(kind, members, when, self.id_of(number)))

    async def add_image(
        self, number: int, name: str, minutes_ago: float = 0, *, linked: bool = True, **members: Any
    ) -> Record:
        link = None
        if linked:
            place = Link("boot-images", f"{number}/manifest.json")
            entries = []
            for artifact, size in ARTIFACTS.items():
                where = Link("boot-images", f"{number}/{artifact}")
                await self.objects.write(where, b"", "application/octet-stream")
                self.objects.sizes[where.path] = size
                entries.append(artifact_entry(artifact, where, ""))
            data = manifest_bytes(image_manifest(entries, self.now))
            link = (await self.objects.write(place, data, "application/json")).document
        return await self.add(Kind.IMAGE, number, minutes_ago, name=name, link=link, **members)

    async def add_recipe(self, number: int, name: str, minutes_ago: float = 0) -> Record:
        link = Link("ims", f"{number}/recipe.tar.gz")
        await self.objects.write(link, b"", "application/gzip")
        self.objects.sizes[link.path] = 48 * 1024
        return await self.add(
            Kind.RECIPE,
            number,
            minutes_ago,
            name=name,
            linux_distribution="sles15",
            link=link.document,
            template_dictionary=[{"key": "PASSWORD", "value": "nobody-may-see-this"}],
        )

    async def add_job(
        self, number: int, status: str, minutes_ago: float = 0, **members: Any
    ) -> Record:
        job_type = members.setdefault("job_type", "create")
        if job_type == "customize":
            place = {"host": "ims.example.com", "port": 2022 + number % 10}
            active = ContainerStatus.ACTIVE if status == "waiting_on_user" else "pending"
            container = {
                "name": "customize",
                "status": active,
                "connection_info": {"customer_access": place, "cluster.local": place},
            }
            members.setdefault("ssh_containers", [container])
        job = {
            "status": status,
            "artifact_id": self.id_of(900 + number),
            "public_key_id": self.id_of(999),
            "image_root_archive_name": f"compute-{number}",
            "backend": Talking.name,
        }
        return await self.add(Kind.JOB, number, minutes_ago, **job, **members)

    async def change(self, job: Record, **members: Any) -> None:
        await self.store.change(Kind.JOB, job.id, lambda now: {**now.document, **members})

    def talk(self, job: Record) -> Talk:
        return self.talks.setdefault(job.id, Talk())
