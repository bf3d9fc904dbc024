"""Where blocking work runs."""

from __future__ import annotations

import threading

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from httpd.concurrency.threads import own_threads, threads_of
from tests.httpd.concurrency.stopping import Stopping
from tests.httpd.web.serving import reactor

_MOST = 3


class OwnThreadsTests(TestCase):
    """Threads that do one kind of work, and no other."""

    def setUp(self) -> None:
        self.reactor = Stopping()
        self.run_in_own = own_threads(self.reactor, _MOST, "own")
        self.release = threading.Event()
        self.addCleanup(self.end)

    def end(self) -> None:
        """As when the reactor stops."""
        self.release.set()
        self.reactor.end()

    def occupy(self) -> list[Deferred[bool]]:
        """More work than there are threads, until it is released."""
        return [self.run_in_own(self.release.wait) for _ in range(2 * _MOST)]

    async def test_result(self) -> None:
        self.assertEqual(await self.run_in_own(sum, [1, 2, 3]), 6)

    async def test_keep_nobody_waiting(self) -> None:
        """While all of them wait for a slow disk, other work goes on."""
        reads = self.occupy()
        self.assertEqual(await threads_of(reactor)(sum, [1, 2, 3]), 6)
        self.assertFalse(any(read.called for read in reads))
        self.release.set()
        self.assertEqual(await gatherResults(reads), [True] * len(reads))

    async def test_no_more_than_there_may_be(self) -> None:
        running: list[str] = []

        def note() -> None:
            running.append(threading.current_thread().name)

        await gatherResults([self.run_in_own(note) for _ in range(20)])
        self.assertLessEqual(len(set(running)), _MOST)

    async def test_begin_with_the_first_work_and_end_with_the_reactor(self) -> None:
        self.assertEqual(self.reactor.stops, [])
        for _ in range(2):
            await self.run_in_own(self.release.is_set)
        self.assertEqual([stop[:2] for stop in self.reactor.stops], [("during", "shutdown")])

    async def test_daemons_are_not_waited_for(self) -> None:
        """Neither by the reactor nor by the interpreter: what they do may take for ever."""
        run = own_threads(self.reactor, _MOST, "daemons", daemon=True)
        self.assertTrue(await run(lambda: threading.current_thread().daemon))
        self.assertEqual(self.reactor.stops, [])
