"""When S3 is asked again, and when not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from httpd.outbound.agent import IOutboundAgent
from image_management.s3.access import S3Access, TimeLimits
from image_management.s3.client import S3Client
from image_management.s3.errors import S3Unavailable

Asked = Callable[[], Deferred[Any]]


class _Agent:
    """Answers nothing but what the test says; notes when it is asked."""

    def __init__(self, clock: Clock, answer: Asked) -> None:
        self.times: list[float] = []
        self._clock = clock
        self._answer = answer

    def request(self, *request: object) -> Deferred[Any]:
        self.times.append(self._clock.seconds())
        return self._answer()


def refused() -> Deferred[Any]:
    answer: Deferred[Any] = Deferred()
    answer.errback(ConnectionRefusedError())
    return answer


class TriesTests(SynchronousTestCase):
    def tries(self, answer: Asked, limits: TimeLimits) -> tuple[list[float], S3Unavailable]:
        """When S3 was asked, the end of it, and the error."""
        clock = Clock()
        agent = _Agent(clock, answer)
        access = S3Access("http://s3.example", "AKID", "secret")
        client = S3Client(access, cast(IOutboundAgent, agent), cast(Any, clock), limits)
        asking = Deferred.fromCoroutine(client.call("HeadObject", {"Bucket": "ims", "Key": "a"}))
        while not asking.called:
            clock.advance(0.1)
        error = self.failureResultOf(asking, S3Unavailable).value
        assert isinstance(error, S3Unavailable)
        return [*agent.times, clock.seconds()], error

    def test_connection_refused(self) -> None:
        """Three further tries within 0.2 to 2 s, so that it is told within ten."""
        times, error = self.tries(refused, TimeLimits())
        self.assertEqual(str(error), "HEAD of the object: connection refused")
        self.assertEqual(len(times), 5)
        pauses = [after - before for before, after in pairwise(times[:4])]
        self.assertTrue(all(0.1 < pause < 2.1 for pause in pauses), pauses)
        self.assertLess(times[-1], 10)

    def test_silence(self) -> None:
        """Who has waited a minute is not kept for another three."""
        times, error = self.tries(Deferred, TimeLimits())
        self.assertEqual(str(error), "HEAD of the object: no answer within 120 s")
        self.assertEqual(len(times), 2)

    def test_short_silence(self) -> None:
        """But where the time limit is short, another try is worth it."""
        times, _ = self.tries(Deferred, TimeLimits(1, 1))
        self.assertEqual(len(times), 5)
        self.assertLess(times[-1], 12)
