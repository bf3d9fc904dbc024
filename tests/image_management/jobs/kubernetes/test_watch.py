"""Objects are listed, and then watched without a gap, whatever becomes of the watch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import maybeDeferred

from image_management.jobs.kubernetes.resources import JOB
from image_management.jobs.kubernetes.watch import LONGEST_PAUSE, Mirror
from tests.engines.kubernetes.bed import sample_job
from tests.engines.kubernetes.orders import CUT, FOR_GOOD, FORBIDDEN, UNAVAILABLE
from tests.image_management.jobs.kubernetes.observing import ObservingCase, labels_of_job


class MirrorCase(ObservingCase):
    async def make(self, *names: str) -> None:
        for name in names:
            await self.bed.client.create("jobs", sample_job(name, labels_of_job("1")))

    async def until_seen(self, mirror: Mirror, *names: str) -> None:
        await self.until(lambda: sorted(mirror.objects) == [*names])

    async def watched(self, *names: str) -> Mirror:
        """A mirror of some Jobs that is watching."""
        await self.make(*names)
        mirror = self.mirror(JOB)
        await self.until_up(mirror, names[0])
        self.assertEqual(sorted(mirror.objects), [*names])
        return mirror

    async def until_up(self, mirror: Mirror, name: str) -> None:
        """Wait until an event comes through: a watch that is cut before is asked for again by the
        agent itself."""
        await self.until_later(lambda: self.bed.watches)
        change = {"metadata": {"annotations": {"changed": str(len(self.bed.requests))}}}
        changed = await self.bed.client.patch("jobs", name, change)
        version = changed["metadata"]["resourceVersion"]
        await self.until(lambda: mirror.objects[name]["metadata"]["resourceVersion"] == version)

    def more_restarts(self) -> Callable[[], bool]:
        """Whether there are more than now."""
        now = len(self.restarted)
        return lambda: len(self.restarted) > now

    def asked(self, verb: str) -> list[Any]:
        return [one for one in self.bed.requests if one.verb == verb]


class MirrorTests(MirrorCase):
    async def test_listed_and_watched(self) -> None:
        """Of ours only; what is changed, and what goes."""
        await self.bed.client.create("jobs", sample_job("another"))
        mirror = await self.watched("a", "b")
        await self.make("c")
        await self.bed.client.delete("jobs", "a", propagationPolicy="Background")
        await self.until_seen(mirror, "b", "c")
        await self.bed.kubelet.succeed("b")
        await self.until(lambda: "succeeded" in mirror.objects["b"]["status"])
        self.assertEqual((len(self.asked("list")), len(self.asked("watch"))), (1, 1))
        self.assertEqual(self.restarted, [])

    async def test_cut(self) -> None:
        """What happens meanwhile is seen, from the last version on."""
        mirror = await self.watched("a", "b")
        self.bed.cut_watches()
        await self.until(lambda: self.restarted == ["jobs"])
        await self.bed.client.delete("jobs", "a", propagationPolicy="Background")
        await self.make("c")
        self.assertEqual(sorted(mirror.objects), ["a", "b"])
        took = await self.until_later(lambda: sorted(mirror.objects) == ["b", "c"], 0.1)
        self.assertGreaterEqual(took, 1)
        self.assertEqual((len(self.asked("list")), len(self.asked("watch"))), (1, 2))

    async def test_ended(self) -> None:
        """The server ends each watch some time; that is no trouble."""
        mirror = await self.watched("a")
        self.bed.end_watches()
        await self.until(lambda: not self.bed.watches)
        await self.make("b")
        await self.until_later(lambda: sorted(mirror.objects) == ["a", "b"])
        self.assertEqual((self.restarted, len(self.asked("list"))), ([], 1))

    async def test_server_away(self) -> None:
        """It is asked again, at the latest after 30 seconds, and what was seen stays."""
        mirror = await self.watched("a")
        for trouble in (CUT, UNAVAILABLE):
            self.bed.fail("*", "*", trouble, FOR_GOOD)
            self.bed.cut_watches()
            for _ in range(8):
                took = await self.until_later(self.more_restarts())
                self.assertLessEqual(took, LONGEST_PAUSE + 1)
            self.assertEqual([*mirror.objects], ["a"])
            self.bed.heal()
            await self.until_up(mirror, "a")
        await self.make("b")
        await self.until_seen(mirror, "a", "b")

    async def test_forbidden(self) -> None:
        """One line names what is missing; what may be listed is listed every 30 seconds."""
        told = self.told_of("permission is missing")
        self.bed.fail("watch", "jobs", FORBIDDEN, FOR_GOOD)
        await self.make("a")
        mirror = self.mirror(JOB)
        await self.until(self.clock.getDelayedCalls)
        self.assertEqual([*mirror.objects], ["a"])
        await self.make("b")
        took = await self.until_later(lambda: len(mirror.objects) == 2)
        self.assertEqual(took, 30)
        await self.until(self.clock.getDelayedCalls)
        self.bed.fail("list", "jobs", FORBIDDEN, FOR_GOOD)
        await self.until_later(lambda: not mirror.objects)
        [line] = told
        self.assertIn('cannot watch resource "jobs" in API group "batch"', line)
        self.bed.heal()
        await self.until_later(lambda: self.bed.watches)
        self.assertEqual(sorted(mirror.objects), ["a", "b"])

    async def test_stopped(self) -> None:
        """Nothing of it goes on."""
        mirror = await self.watched("a")
        await maybeDeferred(mirror.stopService)
        await self.until(lambda: not self.bed.watches)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        mirror.startService()


class ForgettingTests(MirrorCase):
    """What only the double does when it is told to."""

    async def test_bookmarks(self) -> None:
        """Where nothing of ours happens, the version to go on from comes along all the same."""
        await self.watched("a")
        for number in range(3):
            await self.bed.client.create("jobs", sample_job(f"other-{number}"))
        version = str(self.double.registry.objects.version)
        self.double.send_bookmarks()
        self.bed.end_watches()
        await self.until_later(lambda: len(self.asked("watch")) == 2)
        self.assertEqual(self.asked("watch")[-1].query["resourceVersion"], version)

    async def test_too_long_ago(self) -> None:
        """410, both while one watches and when one comes back: all is listed again."""
        mirror = await self.watched("a", "b")
        await self.make("c")
        await self.until_seen(mirror, "a", "b", "c")
        self.double.expire_watches()
        await self.bed.client.delete("jobs", "a", propagationPolicy="Background")
        await self.until_later(lambda: sorted(mirror.objects) == ["b", "c"])
        await self.until_up(mirror, "b")
        self.assertEqual((self.restarted, len(self.asked("list"))), (["jobs"], 2))
        self.bed.cut_watches()
        await self.until(lambda: len(self.restarted) == 2)
        await self.bed.client.delete("jobs", "b", propagationPolicy="Background")
        self.double.registry.objects.forget_history()
        await self.until_later(lambda: sorted(mirror.objects) == ["c"])
        self.assertEqual((self.restarted, len(self.asked("list"))), (["jobs"] * 3, 3))
