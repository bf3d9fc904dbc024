"""Sharing configurations: who gets the same one, for how long, and who fetches it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.infra_envs.configurations import (
    ConfigurationRequest,
    Credential,
    CredentialKind,
    InfraEnvError,
)
from assisted_images.infra_envs.sharing import (
    FreshConfigurations,
    Lease,
    Lender,
    SharedConfigurations,
)
from assisted_images.values import Configuration, ImageType


class Asked:
    """A source that answers when the test says so."""

    def __init__(self) -> None:
        self.answers: list[Deferred[Configuration]] = []
        self.cancelled = 0

    async def configuration(self, request: ConfigurationRequest) -> Configuration:
        answer: Deferred[Configuration] = Deferred(self._cancel)
        self.answers.append(answer)
        return await answer

    def _cancel(self, answer: Deferred[Any]) -> None:
        self.cancelled += 1


REQUEST = ConfigurationRequest(
    "id", ImageType.FULL, Credential(CredentialKind.API_KEY, "swordfish")
)


class SharingTestCase(SynchronousTestCase):
    """One that shares what its source answers."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.source = Asked()
        self.observed: list[bool] = []
        fresh = FreshConfigurations(self.source, 60, self.clock, self.observed.append)
        self.shared = self.sharing(fresh)

    def sharing(self, lender: Lender) -> SharedConfigurations:
        return SharedConfigurations(lender, self.clock, self.observed.append)


class SharedConfigurationsTests(SharingTestCase):
    """One configuration for a burst of ranges (docs/explanation/consistency.md)."""

    def ask(self, request: ConfigurationRequest = REQUEST) -> Deferred[Configuration]:
        return Deferred.fromCoroutine(self.shared.configuration(request))

    def test_kept_for_its_time(self) -> None:
        """Counted from the answer's arrival."""
        first = self.ask()
        self.clock.advance(10)
        configuration = Configuration(b"one")
        self.source.answers[0].callback(configuration)
        self.assertIs(self.successResultOf(first), configuration)
        self.clock.advance(59.9)
        self.assertIs(self.successResultOf(self.ask()), configuration)
        self.clock.advance(0.1)
        self.assertNoResult(self.ask())
        self.assertEqual(len(self.source.answers), 2)
        self.assertEqual(self.observed, [False, True, False])

    def test_clock_set_back(self) -> None:
        """Nothing is kept for longer because of that."""
        self.clock.advance(1000)
        first = self.ask()
        self.source.answers[0].callback(Configuration(b"one"))
        self.successResultOf(first)
        self.clock.rightNow -= 500
        again = self.ask()
        self.source.answers[1].callback(Configuration(b"two"))
        self.assertEqual(self.successResultOf(again).ignition, b"two")
        self.clock.advance(59.9)
        self.assertEqual(self.successResultOf(self.ask()).ignition, b"two")
        self.clock.advance(0.1)
        self.assertNoResult(self.ask())

    def test_concurrent_requests_ask_once(self) -> None:
        waiting = [self.ask() for _ in range(100)]
        self.assertEqual(len(self.source.answers), 1)
        configuration = Configuration(b"one")
        self.source.answers[0].callback(configuration)
        for each in waiting:
            self.assertIs(self.successResultOf(each), configuration)
        self.assertEqual(self.observed, [False] + [True] * 99)

    def test_others_never_share(self) -> None:
        """Another image, another credential, another kind of credential: another question."""
        for other in [
            replace(REQUEST, infra_env_id="other"),
            replace(REQUEST, image_type=ImageType.MINIMAL),
            replace(REQUEST, image_type=None),
            replace(REQUEST, credential=Credential(CredentialKind.API_KEY, "other")),
            replace(REQUEST, credential=Credential(CredentialKind.IMAGE_TOKEN, "swordfish")),
            replace(REQUEST, credential=Credential()),
        ]:
            self.setUp()
            self.ask()
            self.ask(other)
            self.assertEqual(len(self.source.answers), 2)

    def test_failures_are_not_kept(self) -> None:
        waiting = [self.ask(), self.ask()]
        self.source.answers[0].errback(InfraEnvError(502, "down"))
        for each in waiting:
            self.assertEqual(self.failureResultOf(each, InfraEnvError).value.status, 502)
        self.assertNoResult(self.ask())
        self.assertEqual(len(self.source.answers), 2)

    def test_source_down_in_between(self) -> None:
        """What is shared goes on being served until its time ends, whatever the source does."""
        self.ask()
        self.source.answers[0].callback(Configuration(b"one"))
        other = self.ask(replace(REQUEST, infra_env_id="other"))
        self.source.answers[1].errback(InfraEnvError(502, "down"))
        self.failureResultOf(other, InfraEnvError)
        self.assertEqual(self.successResultOf(self.ask()).ignition, b"one")

    def test_one_who_leaves_does_not_disturb(self) -> None:
        leaving, staying = self.ask(), self.ask()
        leaving.cancel()
        self.failureResultOf(leaving, CancelledError)
        self.assertEqual(self.source.cancelled, 0)
        self.source.answers[0].callback(Configuration(b"one"))
        self.assertEqual(self.successResultOf(staying).ignition, b"one")

    def test_last_to_leave_ends_the_fetch(self) -> None:
        waiting = [self.ask(), self.ask()]
        for each in waiting:
            each.cancel()
            self.failureResultOf(each, CancelledError)
        self.assertEqual(self.source.cancelled, 1)
        again = self.ask()
        self.source.answers[1].callback(Configuration(b"two"))
        self.assertEqual(self.successResultOf(again).ignition, b"two")

    def test_immediate_answers(self) -> None:
        """A source that answers at once is shared like any other."""
        configuration = Configuration(b"one")
        asked = []

        class Immediate:
            async def configuration(self, request: ConfigurationRequest) -> Configuration:
                asked.append(request)
                return configuration

        self.shared = SharedConfigurations(
            FreshConfigurations(Immediate(), 60, self.clock), self.clock
        )
        for _ in range(3):
            self.assertIs(self.successResultOf(self.ask()), configuration)
        self.assertEqual(len(asked), 1)

    def test_bounded(self) -> None:
        """The oldest configurations give way to new ones when all together grow too large."""
        self.shared = SharedConfigurations(
            FreshConfigurations(self.source, 60, self.clock),
            self.clock,
            largest_total=2 * Configuration(b"12345").size,
        )
        for index, name in enumerate(["a", "b", "c"]):
            self.ask(replace(REQUEST, infra_env_id=name))
            self.source.answers[index].callback(Configuration(b"12345"))
        self.assertEqual(
            self.successResultOf(self.ask(replace(REQUEST, infra_env_id="c"))).ramdisk, b""
        )
        self.successResultOf(self.ask(replace(REQUEST, infra_env_id="b")))
        self.assertNoResult(self.ask(replace(REQUEST, infra_env_id="a")))

    def test_larger_than_the_bound(self) -> None:
        """Is passed on, and not kept."""
        self.shared = SharedConfigurations(
            FreshConfigurations(self.source, 60, self.clock),
            self.clock,
            largest_total=Configuration(b"1234567890").size,
        )
        first = self.ask()
        self.source.answers[0].callback(Configuration(b"12345678901"))
        self.successResultOf(first)
        self.assertNoResult(self.ask())

    def test_holds_no_secret(self) -> None:
        self.ask()
        self.source.answers[0].callback(Configuration(b"one"))
        self.assertNotIn("swordfish", repr(vars(self.shared)))


class ChainTests(SharingTestCase):
    """Some that borrow from one, as processes of the service do from the first."""

    def setUp(self) -> None:
        super().setUp()
        self.others = [self.sharing(self.shared) for _ in range(2)]

    def ask(self, shared: SharedConfigurations) -> Deferred[Configuration]:
        return Deferred.fromCoroutine(shared.configuration(REQUEST))

    def test_one_call_and_one_generation(self) -> None:
        """
        All have the same until the same moment, whenever they asked first; then all have the next.
        """
        waiting = [self.ask(shared) for shared in (self.others[0], self.shared) for _ in range(10)]
        self.source.answers[0].callback(Configuration(b"one"))
        for each in waiting:
            self.assertEqual(self.successResultOf(each).ignition, b"one")
        self.clock.advance(59.9)
        self.assertEqual(self.successResultOf(self.ask(self.others[1])).ignition, b"one")
        self.clock.advance(0.1)
        waiting = [self.ask(shared) for shared in (*self.others, self.shared)]
        self.assertEqual(len(self.source.answers), 2)
        self.source.answers[1].callback(Configuration(b"two"))
        for each in waiting:
            self.assertEqual(self.successResultOf(each).ignition, b"two")
        self.assertEqual(self.observed.count(False), 2)
        self.assertEqual(len(self.observed), 24)

    def test_lease_that_ends_before_an_older_one(self) -> None:
        """Is not kept any longer for that."""

        class Lending:
            until = 100.0

            async def lease(self, request: ConfigurationRequest) -> Lease:
                return Lease(Configuration(b"%d" % self.until), 0.0, self.until)

        lending = Lending()
        shared = SharedConfigurations(lending, self.clock)
        other = replace(REQUEST, infra_env_id="other")
        self.successResultOf(Deferred.fromCoroutine(shared.configuration(other)))
        lending.until = 10.0
        self.assertEqual(self.successResultOf(self.ask(shared)).ignition, b"10")
        lending.until = 20.0
        self.clock.advance(9.9)
        self.assertEqual(self.successResultOf(self.ask(shared)).ignition, b"10")
        self.clock.advance(0.1)
        self.assertEqual(self.successResultOf(self.ask(shared)).ignition, b"20")
