"""How often assisted-service is asked, counted by hand."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.properties import given
from tests.simulation.calls import Visit, sets_of_calls
from tests.simulation.scenario import Boot, Scenario


class CallTests(SynchronousTestCase):
    """Sets of calls."""

    def test_one_replica_asks_once_for_all(self) -> None:
        visits = [Visit(0, 50, 0, 30), Visit(50, 50, 0, 59)]
        self.assertEqual(sets_of_calls(visits, 100, Scenario(hosts=100)), 1)

    def test_it_asks_again_as_long_as_ranges_come(self) -> None:
        # At 0, 60 and 120; and, when nothing has come for a while, with the next request.
        visits = [Visit(0, 1, 0, 150), Visit(1, 1, 500, 510)]
        self.assertEqual(sets_of_calls(visits, 100, Scenario(hosts=2)), 4)

    def test_a_stream_asks_when_it_begins(self) -> None:
        visits = [Visit(0, 1, 0, 1000), Visit(1, 1, 59, 1000), Visit(2, 1, 60, 1000)]
        self.assertEqual(sets_of_calls(visits, 1, Scenario(hosts=3, boot=Boot.HTTP)), 2)

    def test_each_site_and_each_replica_asks_for_itself(self) -> None:
        visits = [Visit(0, 600, 0, 10)]
        scenario = Scenario(sites=10, hosts=60, replicas=3)
        self.assertEqual(sets_of_calls(visits, 100, scenario), 30)

    def test_replicas_with_a_cache_are_as_one(self) -> None:
        visits = [Visit(0, 600, 0, 10)]
        scenario = Scenario(sites=10, hosts=60, replicas=3, cache=True)
        self.assertEqual(sets_of_calls(visits, 100, scenario), 10)

    def test_a_replica_that_has_no_host_of_a_site_does_not_ask(self) -> None:
        visits = [Visit(0, 20, 0, 10)]
        scenario = Scenario(sites=10, hosts=2, replicas=100)
        self.assertEqual(sets_of_calls(visits, 100, scenario), 20)

    def test_without_sharing_each_request_asks(self) -> None:
        visits = [Visit(0, 20, 0, 10)]
        scenario = Scenario(sites=10, hosts=2, share=0, cache=True)
        self.assertEqual(sets_of_calls(visits, 100, scenario), 2000)

    @given(
        st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=8),
        st.integers(1, 100),
        st.sampled_from(Boot),
    )
    def test_it_is_as_if_each_second_had_a_request(
        self, times: Sequence[tuple[int, int]], share: int, boot: Boot
    ) -> None:
        visits = [Visit(n, 1, begin, begin + more) for n, (begin, more) in enumerate(times)]
        requests: set[int] = set()
        for begin, more in times:
            requests |= set(range(begin, begin + more)) if boot is Boot.MEDIA else set()
            requests.add(begin)
        asked, until = 0, -1
        for second in sorted(requests):
            if second >= until:
                asked, until = asked + 1, second + share
        scenario = Scenario(hosts=len(times), share=share, boot=boot)
        self.assertEqual(sets_of_calls(visits, 1, scenario), asked)
