"""What a client has time for, by a clock and a kernel that the test has in hand."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from httpd.http1.client_timer import ClientTimer
from tests.properties import given

STALL_SECONDS = 90


class ClientTimerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.unsent_bytes = self.acknowledged_bytes = 0
        self.looks = self.probes = 0
        self.is_broken = False
        self.happened: list[str] = []
        self.timer = ClientTimer(self.clock, self, STALL_SECONDS, self.noting("stalled"))

    def unsent(self) -> int:
        self.looks += 1
        return self.unsent_bytes

    def acknowledged(self) -> int:
        return self.acknowledged_bytes

    def probe(self) -> None:
        self.probes += 1

    def broken(self) -> bool:
        return self.is_broken

    def noting(self, event: str) -> Callable[[], None]:
        return lambda: self.happened.append(event)

    def pass_by(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)

    def test_late_request(self) -> None:
        self.timer.expect_request(30, self.noting("late"))
        self.pass_by(29)
        self.assertEqual(self.happened, [])
        self.pass_by(1)
        self.assertEqual(self.happened, ["late"])
        self.pass_by(1000)
        self.assertEqual(self.happened, ["late"])

    def test_request_in_time(self) -> None:
        self.timer.expect_request(30, self.noting("late"))
        self.timer.rest()
        self.pass_by(1000)
        self.assertEqual(self.happened, [])

    def test_last_expectation_counts(self) -> None:
        """From when it began, whatever was expected before and however long that had time."""
        for before in (10, 60):
            self.timer.expect_request(before, self.noting("earlier"))
            self.pass_by(5)
            self.timer.expect_request(30, self.noting("late"))
            self.pass_by(29)
            self.assertEqual(self.happened, [])
            self.pass_by(1)
            self.assertEqual(self.happened, ["late"])
            self.happened.clear()

    def test_delivered(self) -> None:
        """It has to have had everything for the time given, not to have it then."""
        self.unsent_bytes = 1000
        self.timer.expect_delivery(60, self.noting("delivered"))
        self.pass_by(70)
        self.unsent_bytes = 0
        self.pass_by(59)
        self.assertEqual(self.happened, [])
        self.pass_by(20)
        self.assertEqual(self.happened, ["delivered"])

    def test_delivered_already(self) -> None:
        self.timer.expect_delivery(0, self.noting("delivered"))
        self.pass_by(1)
        self.assertEqual(self.happened, ["delivered"])

    def test_slow_client(self) -> None:
        self.unsent_bytes = 1000
        self.timer.expect_reading()
        for _ in range(50):
            self.pass_by(STALL_SECONDS - 20)
            self.unsent_bytes -= 1
        self.assertEqual(self.happened, [])

    def test_slow_client_of_a_fast_service(self) -> None:
        """What is unsent is always as much: whatever the client takes is made up for at once."""
        self.unsent_bytes = 1000
        self.timer.expect_reading()
        for _ in range(50):
            self.pass_by(STALL_SECONDS - 20)
            self.acknowledged_bytes += 1
        self.assertEqual(self.happened, [])

    def test_stalled_client(self) -> None:
        self.unsent_bytes = 1000
        for expect in (
            self.timer.expect_reading,
            lambda: self.timer.expect_delivery(60, self.noting("delivered")),
        ):
            expect()
            self.pass_by(STALL_SECONDS - 1)
            self.assertEqual(self.happened, [])
            self.pass_by(STALL_SECONDS // 3 + 1)
            self.assertEqual(self.happened, ["stalled"])
            self.happened.clear()

    def test_it_is_not_the_client_who_is_slow(self) -> None:
        """Nothing is there for it to take: the disk is waited for."""
        self.timer.expect_reading()
        self.pass_by(10 * STALL_SECONDS)
        self.assertEqual(self.happened, [])

    def test_reading_again_begins_anew(self) -> None:
        self.unsent_bytes = 1000
        for _ in range(20):
            self.timer.expect_reading()
            self.pass_by(STALL_SECONDS - 20)
            self.timer.rest()
        self.assertEqual(self.happened, [])

    def test_client_that_has_left(self) -> None:
        """It is looked at whenever nothing else is expected of it, and seen in time."""
        self.timer.expect_presence(self.noting("left"))
        self.pass_by(1000)
        self.timer.expect_reading()
        self.timer.expect_presence(self.noting("again"))
        self.timer.rest()
        self.pass_by(1000)
        self.assertEqual((self.happened, self.probes), ([], 1))
        self.is_broken = True
        self.pass_by(20)
        self.assertEqual(self.happened, ["left"])

    def test_cheap_as_long_as_all_goes_well(self) -> None:
        """One timed call, and no look at the kernel, whatever happens within a second."""
        for _ in range(1000):
            self.timer.expect_request(30, self.noting("late"))
            self.timer.rest()
            self.timer.expect_reading()
            self.timer.rest()
            self.timer.expect_delivery(60, self.noting("delivered"))
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.pass_by(1)
        self.assertEqual(self.looks, 0)

    @given(st.lists(st.integers(0, 4)))
    def test_stopped(self, before: list[int]) -> None:
        timer = ClientTimer(self.clock, self, STALL_SECONDS, self.noting("stalled"))
        expectations = (
            lambda: timer.expect_request(30, self.noting("late")),
            timer.expect_reading,
            lambda: timer.expect_delivery(60, self.noting("delivered")),
            timer.rest,
            lambda: timer.expect_presence(self.noting("left")),
        )
        for number in before:
            expectations[number]()
        timer.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
