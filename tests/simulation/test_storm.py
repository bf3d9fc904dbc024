"""Whole storms, against what can be computed by hand."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.bench.scale import MIB
from tests.properties import given, settings
from tests.simulation.measured import MEASURED, Costs, read_costs
from tests.simulation.scenario import Boot, Fetch, Image, Scenario
from tests.simulation.stages import RANGE_BYTES, Limit, plan
from tests.simulation.storm import Outcome, simulate

_GOODPUT = 1448 / 1538
_GBIT = 1e9 / 8 * _GOODPUT

_FULL_HTTP = Scenario(image=Image.FULL, boot=Boot.HTTP, hosts=100)


def _costs(scenario: Scenario) -> Costs:
    return read_costs(MEASURED, tls=scenario.tls, image=scenario.image)


class StormTests(SynchronousTestCase):
    """How long it takes, and why."""

    def _assert_all_at(self, outcome: Outcome, seconds: float) -> None:
        for time in (outcome.seconds(0.5), outcome.seconds(0.99), outcome.last):
            self.assertApproximates(time, seconds, seconds * 1e-4)

    def test_a_host_alone_is_as_fast_as_it_can_be(self) -> None:
        scenario = Scenario(hosts=1, minimal_mib=64, rootfs_mib=1000, host_gbit=1, site_gbit=5)
        costs = _costs(scenario)
        each = costs.range + costs.configuration / 1024 + 0.010 + RANGE_BYTES / (0.1 * _GBIT)
        outcome = simulate(scenario)
        self._assert_all_at(outcome, 1024 * each + 1000 * MIB / _GBIT)
        self.assertEqual(outcome.bottleneck[0], Limit.HOST)
        self.assertApproximates(outcome.range_seconds, each, 1e-6)

    def test_one_replica_and_one_kind_take_their_bytes_by_the_bandwidth(self) -> None:
        outcome = simulate(_FULL_HTTP)
        self._assert_all_at(outcome, 100 * 1200 * MIB / (10 * _GBIT))
        self.assertEqual(outcome.bottleneck, (Limit.NETWORK, 1))
        self.assertApproximates(outcome.used[Limit.NETWORK], 100 * 1200 * MIB, MIB)

    def test_ranges_without_pause_take_the_cpu(self) -> None:
        scenario = Scenario(
            image=Image.FULL, hosts=1000, workers=2, gbit=1e3, site_gbit=1e3, bmc_mbit=1e6, rtt_ms=0
        )
        costs = _costs(scenario)
        outcome = simulate(scenario)
        ranges = 1000 * 1200 * MIB / RANGE_BYTES
        fetched = outcome.calls / 2 * costs.configuration
        self._assert_all_at(outcome, (ranges * costs.range + fetched) / 2)
        self.assertEqual(outcome.bottleneck, (Limit.CPU, 1))
        self.assertEqual(outcome.crowd, 1000)

    def test_slots_let_some_through_at_a_time(self) -> None:
        # 100 hosts, 20 at a time; each of them can take a gigabit, and there are ten.
        outcome = simulate(
            Scenario(image=Image.FULL, boot=Boot.HTTP, slots=5, host_gbit=1, gbit=10)
        )
        each = 1200 * MIB / _GBIT
        self.assertApproximates(outcome.last, 20 * each, 0.05)
        self.assertApproximates(outcome.seconds(0.5), 10 * each, 0.05)
        self.assertEqual(outcome.bottleneck[0], Limit.SLOTS)

    def test_links_of_sites_are_a_limit(self) -> None:
        outcome = simulate(
            Scenario(image=Image.FULL, boot=Boot.HTTP, sites=10, hosts=10, site_gbit=0.5)
        )
        self._assert_all_at(outcome, 10 * 1200 * MIB / (0.5 * _GBIT))
        self.assertEqual(outcome.bottleneck, (Limit.SITES, 1))

    def test_replicas_halve_it(self) -> None:
        twice = simulate(Scenario(image=Image.FULL, boot=Boot.HTTP, replicas=2, site_gbit=100))
        self._assert_all_at(twice, 100 * 1200 * MIB / (20 * _GBIT))

    def test_a_cdn_takes_the_root_file_systems(self) -> None:
        scenario = Scenario(boot=Boot.HTTP, sites=100, hosts=10, cdn=4, slots=1000)
        outcome = simulate(scenario)
        isos, root_file_system = 1000 * 110 * MIB, 1050 * MIB
        sent = isos + 4 * root_file_system
        self.assertApproximates(outcome.used[Limit.NETWORK], sent, MIB)
        filling = 4 * root_file_system / (10 * _GBIT)
        self.assertApproximates(
            outcome.last,
            isos / (10 * _GBIT) + max(filling, 10 * root_file_system / (10 * _GBIT)),
            2,
        )

    def test_a_cdn_has_no_more_edges_than_there_are_sites(self) -> None:
        outcome = simulate(Scenario(hosts=10, cdn=20))
        sent = 10 * 110 * MIB + 1050 * MIB
        self.assertApproximates(outcome.used[Limit.NETWORK], sent, MIB)

    def test_nobody(self) -> None:
        outcome = simulate(Scenario(hosts=0))
        self.assertEqual((outcome.seconds(0.5), outcome.last, outcome.calls), (0, 0, 0))
        self.assertEqual(outcome.bottleneck, (Limit.HOST, 0))

    def test_the_image_is_waited_for_as_a_whole(self) -> None:
        scenario = Scenario(
            image=Image.FULL, boot=Boot.HTTP, hosts=100, replicas=2, fetch=Fetch.WHOLE
        )
        outcome = simulate(scenario)
        fetched = 2 * 1200 * MIB
        self.assertApproximates(outcome.used[Limit.ORIGIN], fetched, 1)
        present = simulate(Scenario(image=Image.FULL, boot=Boot.HTTP, hosts=100, replicas=2))
        self._assert_all_at(outcome, fetched / _GBIT + present.last)

    def test_of_an_image_on_demand_only_what_is_read_is_fetched(self) -> None:
        scenario = Scenario(
            boot=Boot.HTTP, hosts=3, replicas=2, fetch=Fetch.ON_DEMAND, full_mib=60 * 1024
        )
        outcome = simulate(scenario)
        self.assertApproximates(outcome.used[Limit.ORIGIN], 2 * 1160 * MIB, MIB)
        self._assert_all_at(outcome, 2 * 1160 * MIB / _GBIT)
        self.assertEqual(outcome.bottleneck[0], Limit.ORIGIN)

    def test_who_begins_later_ends_later(self) -> None:
        scenario = Scenario(hosts=50, spread=3600)
        outcome = simulate(scenario)
        alone = simulate(Scenario(hosts=1))
        self.assertApproximates(outcome.seconds(0.99), alone.last, 0.05)
        self.assertApproximates(outcome.last, 3600 * 49 / 50 + alone.last, 0.05)

    def test_a_million_hosts(self) -> None:
        scenario = Scenario(
            image=Image.FULL, boot=Boot.HTTP, sites=10_000, hosts=100, replicas=10, gbit=100
        )
        outcome = simulate(scenario)
        self.assertEqual(sum(some.count for some in outcome.booted), 1_000_000)
        self.assertApproximates(
            outcome.last, 1e6 * 1200 * MIB / (1000 * _GBIT), outcome.last * 1e-3
        )

    @settings(max_examples=25)
    @given(
        st.builds(
            Scenario,
            sites=st.integers(1, 20),
            hosts=st.integers(0, 40),
            spread=st.sampled_from([0, 10, 1000]),
            image=st.sampled_from(Image),
            boot=st.sampled_from(Boot),
            replicas=st.integers(1, 5),
            gbit=st.sampled_from([0.1, 1, 40]),
            slots=st.integers(1, 50),
            tls=st.booleans(),
            cdn=st.integers(0, 3),
            fetch=st.sampled_from(Fetch),
            share=st.sampled_from([0, 1, 60]),
            cache=st.booleans(),
        )
    )
    def test_every_byte_and_every_second_is_accounted_for(self, scenario: Scenario) -> None:
        outcome = simulate(scenario)
        count = scenario.all_hosts
        self.assertEqual(sum(some.count for some in outcome.booted), count)
        sizes = [stage.bytes for stage in plan(scenario, _costs(scenario)).boot]
        sent = count * sum(sizes)
        if scenario.cdn and len(sizes) > 1 and count:
            sent += (min(scenario.cdn, scenario.sites) - count) * sizes[1]
        self.assertApproximates(outcome.used.get(Limit.NETWORK, 0), sent, 1 + sent * 1e-6)
        seconds = sum(some.seconds * some.count for some in outcome.booted)
        self.assertApproximates(sum(outcome.waited.values()), seconds, 1e-6 * (1 + seconds))
