"""What work may take: time, the disk, and repositories' patience."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from httpd.outbound.agent import OutboundAgent
from httpd.outbound.trust import tls_policy
from image_management.jobs.local.bounds import Bounds, require_room
from image_management.jobs.local.building import wait_for_repositories
from image_management.jobs.local.folders import JobFolder
from image_management.jobs.local.workshop import StageFailed, Workshop
from tests.httpd.outbound.servers import ServerTestCase, always, response, trial_reactor
from tests.image_management.jobs.ssh.opened import TimedReactor

UNAVAILABLE = response("503 Service Unavailable", connection="close")
OK = response(connection="close")


class BoundsTests(ServerTestCase):
    """Work that goes on until it is given up."""

    def setUp(self) -> None:
        self.reactor = TimedReactor()
        self.clock = self.reactor.clock
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        self.work: Deferred[str] = Deferred()

    def begin(self, size: int = 1 << 20, **more: Any) -> Deferred[str]:
        async def work() -> str:
            return await self.work

        bounds = Bounds(self.folder, size, **{"seconds": None, **more})
        return Deferred.fromCoroutine(bounds.keep(self.reactor, work()))

    async def given_up(self, kept: Deferred[str]) -> str:
        with self.assertRaises(StageFailed) as failed:
            await kept
        return str(failed.exception)

    async def test_a_folder_that_grows(self) -> None:
        """It is measured every 30 s; what is at the end of a link is somebody else's."""
        outside = self.folder.with_name("outside")
        outside.write_bytes(bytes(4 << 20))
        (self.folder / "link").symlink_to(outside)
        (self.folder / "small").write_bytes(bytes(1 << 19))
        kept = self.begin()
        self.clock.advance(30)
        await self.measured()
        self.assertNoResult(kept)
        (self.folder / "sub").mkdir()
        (self.folder / "sub/large").write_bytes(bytes(1 << 20))
        self.clock.advance(29)
        self.assertNoResult(kept)
        self.clock.advance(1)
        self.assertRegex(
            await self.given_up(kept),
            r"^disk: the job has \d{7} bytes, more than the 1048576 of build_env_size$",
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def measured(self, others: int = 0) -> None:
        """
        Wait until it is measured: then a further look is a matter of time.

        @param others: how much else is.
        """
        while len(self.clock.getDelayedCalls()) == others:
            await deferLater(trial_reactor(), 0.01)

    async def test_zeros_that_take_no_room(self) -> None:
        """What a file system does not store is not counted."""
        with (self.folder / "sparse").open("wb") as file:
            file.truncate(1 << 40)
        kept = self.begin()
        self.clock.advance(30)
        await self.measured()
        self.work.callback("done")
        self.assertEqual(await kept, "done")

    async def test_time(self) -> None:
        kept = self.begin(seconds=3600.0)
        self.clock.advance(3599)
        await self.measured(others=1)
        self.assertNoResult(kept)
        self.clock.advance(1)
        self.assertEqual(await self.given_up(kept), "not done within 3600 s")

    async def test_watched(self) -> None:
        reasons: list[str | None] = [None, "nobody came"]
        kept = self.begin(watch=lambda: reasons.pop(0))
        self.clock.advance(30)
        await self.measured()
        self.clock.advance(30)
        self.assertEqual(await self.given_up(kept), "nobody came")

    async def test_held(self) -> None:
        """Whoever cancels it is not told of a reason."""
        kept = self.begin()
        kept.cancel()
        await self.assertFailure(kept, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_room(self) -> None:
        require_room(self.folder, 1)
        with self.assertRaisesRegex(StageFailed, r"^disk: [\d.]+ GiB are free, and .* 1048576 GiB"):
            require_room(self.folder, 1 << 50)


class RepositoryTests(ServerTestCase):
    """Repositories that answer late, or never."""

    def setUp(self) -> None:
        self.reactor = TimedReactor()
        self.clock = self.reactor.clock
        self.folder = JobFolder(Path(self.mktemp()).resolve())
        self.folder.recipe.mkdir(parents=True)
        agent = OutboundAgent(
            cast(Any, self.reactor), tls_policy(), user_agent="x", persistent=False
        )
        self.shop = cast(Workshop, SimpleNamespace(reactor=self.reactor, agent=agent))

    def begin(self, *repositories: str) -> Deferred[None]:
        config = "".join(f"<repository>{one}</repository>" for one in repositories)
        (self.folder.recipe / "config.xml").write_text(f"<image>{config}</image>")
        return Deferred.fromCoroutine(wait_for_repositories(self.shop, self.folder))

    @property
    def log(self) -> str:
        return self.folder.log.read_text()

    async def waits(self) -> None:
        """Wait until the next try is a matter of time."""
        while len(self.clock.getDelayedCalls()) != 1 or self.pause > 10:
            await deferLater(trial_reactor(), 0.01)

    @property
    def pause(self) -> float:
        """For how long it is going to wait."""
        return min(one.getTime() for one in self.clock.getDelayedCalls()) - self.clock.seconds()

    async def test_late(self) -> None:
        """Each is asked every 10 s until it answers, and then no more."""
        early, late = self.serve(always(OK)), self.serve(always(UNAVAILABLE))
        waiting = self.begin(
            f"<source path='{early.url}/a/'/>",
            f"<source path='{late.url}/b'/>",
            "<source path='obs://x/y'/>",
            "<source path='dir:///srv'/>",
        )
        for tries in (1, 2, 3):
            await self.waits()
            self.assertEqual(len(late.requests), tries)
            self.assertEqual(self.pause, 10)
            self.assertNoResult(waiting)
            if tries == 3:
                late.answer = always(OK)
            self.clock.advance(9)
            self.clock.advance(1)
        await waiting
        self.assertEqual(self.clock.seconds(), 30)
        [asked] = early.requests
        self.assertEqual((asked.method, asked.target), ("HEAD", "/a/repodata/repomd.xml"))
        self.assertEqual({one.target for one in late.requests}, {"/b/repodata/repomd.xml"})
        self.assertEqual(self.log.count("repomd.xml: 503"), 3)

    async def test_never(self) -> None:
        """They have 500 s."""
        gone = self.serve(always(UNAVAILABLE))
        waiting = self.begin(f"<source path='{gone.url}'/>")
        while self.clock.seconds() < 500:
            await self.waits()
            self.assertNoResult(waiting)
            self.clock.advance(10)
        with self.assertRaises(StageFailed) as failed:
            await waiting
        self.assertEqual(
            str(failed.exception), f"no answer within 500 s: {gone.url}/repodata/repomd.xml"
        )
        self.assertEqual(len(gone.requests), 51)

    async def test_silent(self) -> None:
        """Who says nothing is given up, and asked again."""
        silent = self.serve(lambda received, transport: None)
        waiting = self.begin(f"<source path='{silent.url}'/>")
        await silent.arrivals.get()
        self.clock.advance(30)
        await self.waits()
        silent.answer = always(OK)
        self.clock.advance(10)
        await waiting
        self.assertEqual(len(silent.requests), 2)

    async def test_none(self) -> None:
        """Then there is nothing to wait for."""
        await self.begin("<source path='obs://x/y'/>")
        self.assertIn("no repository", self.log)
