"""The log of a job: its containers' logs, in order, for whoever reads or follows it."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from image_management.jobs.kubernetes.logs import LOOK_SECONDS, PodLog
from image_management.jobs.kubernetes.shown_lines import ShownLines
from image_management.records.record import Record
from tests.engines.kubernetes.kubelet import ended_with, running
from tests.engines.kubernetes.orders import FOR_GOOD, FORBIDDEN, UNAVAILABLE
from tests.image_management.jobs.kubernetes.observing import ObservingCase
from tests.properties import given

_HEADING = re.compile(rb"(?m)^== (\S+) \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$")

URL = "https://s3/boot-images/x?X-Amz-Credential=AKIA%2F1&X-Amz-Signature=0123456789abcdef"


def without_times(log: bytes) -> list[str]:
    """Its lines; headings without when."""
    return _HEADING.sub(rb"== \1", log).decode().splitlines()


class Reading:
    """Somebody who reads a log, as fast as it comes."""

    def __init__(self, log: PodLog) -> None:
        self.read = b""
        self._log = log
        self.ended = Deferred.fromCoroutine(self._go_on())

    @property
    def lines(self) -> list[str]:
        return without_times(self.read)

    async def _go_on(self) -> None:
        try:
            while piece := await self._log.read():
                self.read += piece
        except CancelledError:
            pass
        finally:
            self._log.close()


class PodLogTests(ObservingCase):
    def setUp(self) -> None:
        super().setUp()
        self.follows = False
        self.goes_on = True

    async def is_going_on(self) -> bool:
        return self.goes_on

    async def begin(self) -> None:
        """Have a job whose containers C{fetch} and C{main} have not begun."""
        self.job = await self.make_job()
        self.pod = await self.bed.kubelet.pod_of(self.job.document["kubernetes_job"])

    async def set(self, phase: str = "Running", **states: Any) -> None:
        await self.bed.kubelet.set_containers(self.pod, phase, **states)

    async def end(self) -> None:
        """Have both ended."""
        await self.set("Succeeded", fetch=ended_with(0), main=ended_with(0))

    def write(self, container: str, *lines: str) -> None:
        self.double.write_log(self.pod, container, *lines)

    def log(self, tail: int | None = None, job: Record | None = None) -> PodLog:
        return PodLog(
            self.api,
            job or self.job,
            self.clock,
            lambda: self.follows,
            tail,
            self.is_going_on,
        )

    def reading(self, tail: int | None = None) -> Reading:
        """Somebody who reads it; the test's end ends that."""
        reading = Reading(self.log(tail))
        self.addCleanup(reading.ended.cancel)
        return reading

    async def text(self, tail: int | None = None) -> list[str]:
        """The lines, once that were all."""
        reading = self.reading(tail)
        await self.until_later(lambda: reading.ended.called)
        await reading.ended
        return reading.lines

    async def test_ended(self) -> None:
        await self.begin()
        self.write("main", "three")
        self.write("fetch", "one", "two")
        await self.end()
        expected = ["== fetch", "one", "two", "== main", "three"]
        self.assertEqual(await self.text(), expected)
        self.follows = True
        self.assertEqual(await self.text(), expected)
        self.assertEqual(self.clock.seconds(), 0)

    async def test_running(self) -> None:
        """What there is so far."""
        await self.begin()
        self.assertEqual(await self.text(), [])
        await self.set(fetch=running())
        self.assertEqual(await self.text(), ["== fetch"])
        self.write("fetch", "one")
        self.assertEqual(await self.text(), ["== fetch", "one"])

    async def test_followed(self) -> None:
        """From before anything has begun, to the end."""
        self.follows = True
        await self.begin()
        reading = self.reading()
        await self.until(self.clock.getDelayedCalls)
        await self.set(fetch=running())
        await self.until_later(lambda: reading.lines == ["== fetch"])
        for number in range(3):
            self.write("fetch", f"line {number}")
            await self.until(lambda: reading.read.endswith(b"line %d\n" % number))  # noqa: B023
        await self.set(fetch=ended_with(0), main=running())
        await self.until_later(lambda: reading.lines[-1] == "== main")
        self.write("main", "more", "and more")
        await self.end()
        await self.until_later(lambda: reading.ended.called)
        expected = ["== fetch", "line 0", "line 1", "line 2", "== main", "more", "and more"]
        self.assertEqual(reading.lines, expected)

    async def test_tail(self) -> None:
        await self.begin()
        self.write("fetch", "one", "two", "three")
        self.write("main", "four", "five")
        await self.end()
        whole = await self.text()
        for count in range(len(whole) + 2):
            self.assertEqual(await self.text(count), whole[-count:] if count else [], str(count))
        self.assertEqual(await self.text(999_999_999), whole)

    async def test_tail_followed(self) -> None:
        """It goes on from there: also from nothing."""
        self.follows = True
        await self.begin()
        self.write("fetch", "one", "two")
        self.write("main", "three")
        await self.set(fetch=ended_with(0), main=running())
        readings = {count: self.reading(count) for count in (0, 1, 2, 3, 9)}
        await self.until(lambda: readings[9].lines[-1:] == ["three"])
        for count in (1, 2, 3):
            await self.until(lambda: readings[count].lines[-1:] == ["three"])  # noqa: B023
        # Who wants nothing of what was has begun once something comes.
        while not readings[0].read:
            self.write("main", "four")
            await self.until(lambda: readings[9].lines[-1] == "four")
            await self.bed.client.names("pods")
        await self.end()
        for reading in readings.values():
            await self.until_later(lambda: reading.ended.called)  # noqa: B023
        before = {
            count: [line for line in reading.lines if line != "four"]
            for count, reading in readings.items()
        }
        whole = ["== fetch", "one", "two", "== main", "three"]
        self.assertEqual(before, {0: [], 1: whole[-1:], 2: whole[-2:], 3: whole[-3:], 9: whole})

    async def test_the_service_goes_down(self) -> None:
        """Nobody keeps it from that."""
        self.follows = True
        await self.begin()
        await self.set(fetch=running())
        self.write("fetch", "one")
        reading = self.reading()
        await self.until_later(lambda: reading.lines == ["== fetch", "one"])
        self.follows = False
        took = await self.until_later(lambda: reading.ended.called)
        self.assertLessEqual(took, LOOK_SECONDS)

    async def test_the_job_is_over(self) -> None:
        """Although its container runs on, or nothing was ever heard of it."""
        self.follows = True
        await self.begin()
        for state in (None, running()):
            if state is not None:
                await self.set(fetch=state)
            self.goes_on = True
            reading = self.reading()
            await self.until(self.clock.getDelayedCalls)
            self.clock.advance(10 * LOOK_SECONDS)
            self.assertFalse(reading.ended.called)
            self.goes_on = False
            await self.until_later(lambda: reading.ended.called)  # noqa: B023

    async def test_nobody_listens_any_more(self) -> None:
        """Nothing of it goes on."""
        self.follows = True
        await self.begin()
        await self.set(fetch=running())
        reading = self.reading()
        await self.until_later(lambda: reading.lines)
        reading.ended.cancel()
        await reading.ended
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.write("fetch", "one")
        self.assertEqual(reading.lines, ["== fetch"])

    async def test_one_that_does_not_read(self) -> None:
        """It keeps nobody waiting, and misses nothing."""
        self.follows = True
        await self.begin()
        await self.set(fetch=running())
        slow, fast = self.log(), self.reading()
        self.addCleanup(slow.close)
        heading = Deferred.fromCoroutine(slow.read())
        await self.until_later(lambda: heading.called)
        await self.until_later(lambda: fast.lines)
        lines = [f"{number} {'x' * 1000}" for number in range(5000)]
        self.write("fetch", *lines)
        await self.until(lambda: len(fast.read) > 5_000_000)
        await self.bed.client.names("jobs")
        rest = Reading(slow)
        await self.until(lambda: len(rest.read) > 5_000_000)
        await self.end()
        await self.until_later(lambda: fast.ended.called and rest.ended.called)
        self.assertEqual(fast.lines, ["== fetch", *lines, "== main"])
        self.assertEqual(rest.lines, [*lines, "== main"])

    async def test_no_secret(self) -> None:
        await self.begin()
        self.write("fetch", f"+ curl '{URL}'", "done")
        await self.end()
        lines = await self.text()
        self.assertEqual(lines[0], "== fetch")
        self.assertIn("+ curl 'https://s3/boot-images/x?X-Amz-Credential=", lines[1])
        self.assertNotIn("0123456789abcdef", lines[1])
        self.assertNotIn("AKIA", lines[1])
        self.assertEqual(lines[2:], ["done", "== main"])

    async def test_what_cannot_be_had(self) -> None:
        """It is told where it would be; the other containers' logs are there."""
        await self.begin()
        self.write("main", "three")
        await self.end()
        self.bed.fail("get", "pods/log", UNAVAILABLE, times=1)
        first, told, *others = await self.text()
        self.assertEqual((first, others), ("== fetch", ["== main", "three"]))
        self.assertTrue(told.startswith("-- log of fetch of Pod"), told)

    async def test_not_allowed(self) -> None:
        await self.begin()
        await self.end()
        self.bed.fail("get", "pods/log", FORBIDDEN, FOR_GOOD)
        lines = await self.text()
        self.assertEqual(len(lines), 4)
        self.assertIn('resource "pods/log"', lines[1])
        self.assertIn('resource "pods/log"', lines[3])
        self.assertEqual(await self.text(1), lines[3:])
        self.bed.fail("list", "pods", FORBIDDEN, FOR_GOOD)
        [line] = await self.text()
        self.assertIn('cannot list resource "pods"', line)

    async def test_no_pod(self) -> None:
        await self.begin()
        await self.end()
        await self.bed.client.delete("pods", self.pod)
        self.goes_on = False
        for self.follows in (False, True):
            self.assertEqual(await self.text(), ["-- the job has no pod any more, or none yet"])


class ShownLinesTests(SynchronousTestCase):
    @given(st.lists(st.sampled_from([b"a", b"bc\n", b"\n", b"\xff", b" "])))
    def test_as_they_come(self, pieces: list[bytes]) -> None:
        """Nothing is lost; what comes before the end is whole lines."""
        lines = ShownLines()
        shown = [lines.of(piece) for piece in pieces]
        self.assertTrue(all(one.endswith(b"\n") for one in shown if one))
        text = b"".join(pieces)
        end = b"" if text.endswith(b"\n") or not text else b"\n"
        self.assertEqual(b"".join([*shown, lines.rest()]), text + end)

    @given(st.lists(st.integers(1, 40)))
    def test_secrets(self, sizes: list[int]) -> None:
        """Wherever the bytes are torn apart."""
        text = f"begin\nGET {URL} HTTP/1.1\nend".encode()
        lines, shown, place = ShownLines(), b"", 0
        for size in sizes:
            shown += lines.of(text[place : place + size])
            place += size
        shown += lines.of(text[place:]) + lines.rest()
        self.assertTrue(shown.startswith(b"begin\nGET https://s3/boot-images/x?X-Amz-"))
        self.assertTrue(shown.endswith(b" HTTP/1.1\nend\n"))
        self.assertNotIn(b"0123456789abcdef", shown)
        self.assertNotIn(b"AKIA", shown)

    def test_no_end(self) -> None:
        """A line that never ends is not kept whole."""
        lines = ShownLines()
        shown = b"".join(lines.of(b"x" * 1000 + b" ") for _ in range(2000))
        self.assertGreater(len(shown), 1_500_000)
        self.assertEqual(len(shown + lines.rest()), 2_002_000 + 1)
        shown = b"".join(lines.of(b"x" * 1000) for _ in range(2000))
        self.assertEqual(len(shown + lines.rest()), 2_000_000 + 1)
