"""Flows and shares, against what can be computed by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st
from simpy import Environment
from twisted.trial.unittest import SynchronousTestCase

from tests.properties import given
from tests.simulation.fairness import Share, fair_shares
from tests.simulation.flows import Flows
from tests.simulation.stages import Limit, Stage

_N, _C = Limit.NETWORK, Limit.CPU


def _stage(
    *, size: float = 100, most: float = 1e9, uses: Mapping[Limit, float], slot: bool = False
) -> Stage:
    return Stage(name="stage", bytes=size, most=most, uses=uses, slot=slot)


class FairShareTests(SynchronousTestCase):
    """Who gets how much."""

    def test_equal_hosts_share_the_network(self) -> None:
        stage = _stage(uses={_N: 1})
        self.assertEqual(fair_shares({stage: 4}, {_N: 100}), {stage: Share(25, _N)})

    def test_the_cpu_is_the_limit_where_it_is_the_scarcer(self) -> None:
        stage = _stage(uses={_N: 1, _C: 0.5})
        self.assertEqual(fair_shares({stage: 4}, {_N: 100, _C: 10}), {stage: Share(5, _C)})

    def test_a_host_takes_no_more_than_it_can(self) -> None:
        slow, fast = _stage(most=10, uses={_N: 1}), _stage(uses={_N: 1})
        self.assertEqual(
            fair_shares({slow: 2, fast: 2}, {_N: 100}),
            {slow: Share(10, Limit.HOST), fast: Share(40, _N)},
        )

    def test_who_does_not_need_what_is_scarce_rises_on(self) -> None:
        computed, sent = _stage(uses={_N: 1, _C: 1}), _stage(uses={_N: 1})
        self.assertEqual(
            fair_shares({computed: 1, sent: 1}, {_N: 100, _C: 20}),
            {computed: Share(20, _C), sent: Share(80, _N)},
        )

    def test_nobody(self) -> None:
        self.assertEqual(fair_shares({_stage(uses={_N: 1}): 0}, {_N: 100}), {})

    @given(
        st.lists(
            st.tuples(
                st.integers(1, 1000), st.floats(1, 1e6), st.floats(0.01, 10), st.floats(0.01, 10)
            ),
            min_size=1,
            max_size=5,
        ),
        st.floats(1, 1e6),
        st.floats(1, 1e6),
    )
    def test_capacities_hold_and_nothing_is_left_over(
        self, some: Sequence[tuple[int, float, float, float]], network: float, cpu: float
    ) -> None:
        hosts = {_stage(most=most, uses={_N: a, _C: b}): count for count, most, a, b in some}
        capacities = {_N: network, _C: cpu}
        shares = fair_shares(hosts, capacities)
        for limit, capacity in capacities.items():
            used = sum(n * shares[s].rate * s.uses[limit] for s, n in hosts.items())
            self.assertLessEqual(used, capacity * (1 + 1e-9))
            if any(share.limit is limit for share in shares.values()):
                self.assertGreaterEqual(used, capacity * (1 - 1e-9))
        for stage, share in shares.items():
            if share.limit is Limit.HOST:
                self.assertEqual(share.rate, stage.most)


class FlowTests(SynchronousTestCase):
    """When hosts have their bytes."""

    def _carried(
        self,
        capacities: Mapping[Limit, float],
        arrivals: Sequence[tuple[float, Stage, int]],
        slots: int = 1000,
    ) -> tuple[list[float], Flows]:
        environment = Environment()
        flows = Flows(environment, capacities, slots)
        ends = [0.0] * len(arrivals)

        def host(number: int, at: float, stage: Stage, count: int):  # type: ignore[no-untyped-def]
            yield environment.timeout(at)
            yield flows.carry(stage, count)
            ends[number] = environment.now

        for number, arrival in enumerate(arrivals):
            environment.process(host(number, *arrival))
        environment.run()
        return ends, flows

    def test_equal_hosts_take_their_bytes_by_the_bandwidth(self) -> None:
        ends, flows = self._carried({_N: 50}, [(0, _stage(uses={_N: 1}), 7)])
        self.assertEqual(ends, [7 * 100 / 50])
        self.assertEqual((flows.used[_N], flows.crowd), (700, 7))

    def test_who_comes_later_slows_who_is_there(self) -> None:
        # 1 s alone, 50 bytes; then 25 a second each: 50 take 2 s, and the other's last 50 take 1 s.
        stage = _stage(uses={_N: 1})
        ends, flows = self._carried({_N: 50}, [(0, stage, 1), (1, stage, 1)])
        self.assertEqual(ends, [3, 4])
        self.assertEqual(flows.slowest[stage], 25)

    def test_without_a_slot_one_waits(self) -> None:
        # Two by two, each pair with all of the network.
        stage = _stage(uses={_N: 1}, slot=True)
        ends, flows = self._carried({_N: 50}, [(0, stage, 1)] * 6, slots=2)
        self.assertEqual(ends, [4, 4, 8, 8, 12, 12])
        self.assertEqual(flows.crowd, 6)
        self.assertEqual(dict(flows.waited), {(stage, _N): 48})

    def test_slots_are_the_limit_only_where_those_with_one_are_as_fast_as_they_can_be(self) -> None:
        stage = _stage(most=10, uses={_N: 1}, slot=True)
        ends, flows = self._carried({_N: 50}, [(0, stage, 1)] * 2, slots=1)
        self.assertEqual(ends, [10, 20])
        self.assertEqual(dict(flows.waited), {(stage, Limit.HOST): 20, (stage, Limit.SLOTS): 10})

    @given(
        st.lists(st.tuples(st.floats(0, 100), st.integers(0, 2), st.integers(1, 50)), max_size=30),
        st.integers(50, 100),
    )
    def test_every_byte_arrives_and_all_time_is_accounted_for(
        self, some: Sequence[tuple[float, int, int]], slots: int
    ) -> None:
        stages = [
            _stage(size=1e6, uses={_N: 1}, slot=True),
            _stage(size=3e5, most=2e4, uses={_N: 1, _C: 1e-6}),
            _stage(size=1e6, uses={_C: 3e-6}, slot=True),
        ]
        arrivals = [(at, stages[which], count) for at, which, count in some]
        ends, flows = self._carried({_N: 1e6, _C: 1}, arrivals, slots)
        for limit in (_N, _C):
            expected = sum(n * s.bytes * s.uses.get(limit, 0) for _, s, n in arrivals)
            self.assertApproximates(flows.used[limit], expected, expected * 1e-6)
        together = sum(
            (end - at) * count for end, (at, _, count) in zip(ends, arrivals, strict=True)
        )
        self.assertApproximates(sum(flows.waited.values()), together, together * 1e-6)
        for end, (at, stage, _) in zip(ends, arrivals, strict=True):
            self.assertGreaterEqual(end - at, stage.bytes / stage.most * (1 - 1e-6))
