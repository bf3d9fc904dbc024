"""Replicas that agree: who fetches, who waits, and what becomes of it when something goes wrong."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.infra_envs.agreement import LARGEST_SHARED, AgreedConfigurations, Source
from assisted_images.infra_envs.configurations import ConfigurationRequest, InfraEnvError
from assisted_images.infra_envs.sealing import SECRET_BYTES, Seals
from assisted_images.infra_envs.shared_places import BUSY, LEASE_SECONDS, Busy, Left
from assisted_images.infra_envs.sharing import FreshConfigurations, SharedConfigurations
from assisted_images.values import Configuration
from httpd.outbound.redis import ANSWER_SECONDS as AWAY_SECONDS
from httpd.outbound.redis import RedisAway
from tests.assisted_images.infra_envs.test_sealing import REQUEST, SOURCE
from tests.assisted_images.infra_envs.test_sharing import Asked

SHARE_SECONDS = 60
PATIENCE = 50


@dataclass
class Memory:
    """
    What lies in Redis.

    @ivar delay: seconds until it answers; L{None}: it does not, and is away after its time.
    """

    clock: Clock
    lying: dict[str, tuple[object, float]] = field(default_factory=dict)
    away: bool = False
    delay: float | None = 0

    async def answers(self) -> None:
        if self.away:
            raise RedisAway("away")
        delay = AWAY_SECONDS if self.delay is None else self.delay
        if delay:
            answered: Deferred[None] = Deferred()
            call = self.clock.callLater(delay, answered.callback, None)
            try:
                await answered
            finally:
                if call.active():
                    call.cancel()
        if self.delay is None:
            self.away = True
            raise RedisAway("no answer")

    def at(self, name: str) -> tuple[object, float] | None:
        found = self.lying.get(name)
        return found if found is not None and found[1] > self.clock.seconds() else None


class Places:
    """What one replica sees of it; held to the real ones by what L{tests.field.test_redis} says."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.dead = False

    async def look(self, name: str) -> Left | Busy | None:
        found = self.memory.at(name)
        mine = found is None or found[0] is self
        if mine and not self.memory.away:
            self.memory.lying[name] = self, self.memory.clock.seconds() + LEASE_SECONDS
        await self.memory.answers()
        if mine or found is None:
            return None
        content, until = found
        return Left(content, until) if isinstance(content, bytes) else BUSY

    async def leave(self, name: str, content: bytes, seconds: float) -> Left | None:
        await self.memory.answers()
        found = self.memory.at(name)
        if found is not None and isinstance(found[0], bytes):
            return Left(found[0], found[1])
        self.memory.lying[name] = content, self.memory.clock.seconds() + seconds
        return None

    def prolong(self, name: str) -> Deferred[None]:
        return self.end_in(name, LEASE_SECONDS)

    def release(self, name: str) -> Deferred[None]:
        return self.end_in(name, 0)

    def end_in(self, name: str, seconds: float) -> Deferred[None]:
        found = self.memory.at(name)
        if not (self.memory.away or self.dead) and found is not None and found[0] is self:
            self.memory.lying[name] = self, self.memory.clock.seconds() + seconds
        return succeed(None)


class Replica:
    """One, with an assisted-service that answers when the test says so."""

    def __init__(self, memory: Memory, secret: bytes) -> None:
        self.source = Asked()
        self.places = Places(memory)
        self.seen: list[Source] = []
        agreed = AgreedConfigurations(
            FreshConfigurations(self.source, SHARE_SECONDS, memory.clock),
            self.places,  # type: ignore[arg-type]
            Seals(secret, SOURCE),
            memory.clock,
            PATIENCE,
            self.seen.append,
        )
        self.shared = SharedConfigurations(agreed, memory.clock)

    def ask(self, request: ConfigurationRequest = REQUEST) -> Deferred[Configuration]:
        return Deferred.fromCoroutine(self.shared.configuration(request))


class AgreementTestCase(SynchronousTestCase):
    """Three of them, and time."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.memory = Memory(self.clock)
        self.secret = secrets.token_bytes(SECRET_BYTES)
        self.one, self.two, self.three = self.replicas = [
            Replica(self.memory, self.secret) for _ in range(3)
        ]

    def pass_time(self, seconds: float) -> None:
        """In steps, as it does."""
        self.clock.pump([0.01] * round(seconds / 0.01))

    @property
    def calls(self) -> int:
        return sum(len(replica.source.answers) for replica in self.replicas)

    def ignition(self, replica: Replica) -> bytes:
        """What it has at once."""
        return self.successResultOf(replica.ask()).ignition


class AgreementTests(AgreementTestCase):
    """Nothing goes wrong, or nothing but assisted-service."""

    def test_one_fetches_and_the_others_wait(self) -> None:
        waiting = [replica.ask() for replica in self.replicas for _ in range(3)]
        self.pass_time(10)
        self.assertEqual(self.calls, 1)
        self.one.source.answers[0].callback(Configuration(b"one"))
        self.pass_time(0.2)
        self.assertEqual({self.successResultOf(each).ignition for each in waiting}, {b"one"})
        self.assertEqual(
            [replica.seen for replica in self.replicas],
            [[Source.FETCHED], [Source.AWAITED], [Source.AWAITED]],
        )

    def test_all_go_on_to_the_next_at_the_same_moment(self) -> None:
        """Whenever they had the first: none has it for longer than another."""
        self.one.ask()
        self.one.source.answers[0].callback(Configuration(b"one"))
        self.pass_time(30)
        self.assertEqual(self.ignition(self.two), b"one")
        self.assertEqual(self.two.seen, [Source.SHARED])
        self.pass_time(29.9)
        for replica in self.replicas:
            self.assertEqual(self.ignition(replica), b"one")
        self.assertEqual(self.calls, 1)
        self.pass_time(0.2)
        waiting = [replica.ask() for replica in (self.two, self.three, self.one)]
        self.assertEqual(self.calls, 2)
        self.two.source.answers[0].callback(Configuration(b"two"))
        self.pass_time(0.2)
        self.assertEqual({self.successResultOf(each).ignition for each in waiting}, {b"two"})

    def test_failure(self) -> None:
        """Is its replica's own: the next one tries for itself, at once."""
        first, second = self.one.ask(), self.two.ask()
        self.one.source.answers[0].errback(InfraEnvError(502, "down"))
        self.failureResultOf(first, InfraEnvError)
        self.pass_time(0.2)
        self.two.source.answers[0].callback(Configuration(b"two"))
        self.assertEqual(self.successResultOf(second).ignition, b"two")
        self.assertEqual(self.ignition(self.one), b"two")

    def test_the_last_client_leaves(self) -> None:
        """Then the next replica fetches; who leaves while it waits leaves nothing behind."""
        first, second, third = [replica.ask() for replica in self.replicas]
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.pass_time(0.2)
        third.cancel()
        self.failureResultOf(third, CancelledError)
        self.two.source.answers[0].callback(Configuration(b"two"))
        self.assertEqual(self.successResultOf(second).ignition, b"two")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_client_leaves_before_redis_answers(self) -> None:
        """The lease that it would have had keeps nobody waiting."""
        self.memory.delay = 0.1
        leaving = self.one.ask()
        leaving.cancel()
        self.failureResultOf(leaving, CancelledError)
        self.two.ask()
        self.pass_time(0.2)
        self.assertEqual(len(self.two.source.answers), 1)

    def test_larger_than_may_be_shared(self) -> None:
        """Is each replica's own."""
        first, second = self.one.ask(), self.two.ask()
        self.one.source.answers[0].callback(Configuration(bytes(LARGEST_SHARED)))
        self.successResultOf(first)
        self.pass_time(0.2)
        self.two.source.answers[0].callback(Configuration(b"two"))
        self.assertEqual(self.successResultOf(second).ignition, b"two")


class TroubleTests(AgreementTestCase):
    """Something goes wrong: nobody fails for it, and nobody waits for long."""

    def test_owner_dies(self) -> None:
        """Another takes over when its lease has ended."""
        self.one.ask()
        waiting = self.two.ask()
        self.pass_time(20)
        self.one.places.dead = True
        self.pass_time(LEASE_SECONDS + 0.2)
        self.two.source.answers[0].callback(Configuration(b"two"))
        self.assertEqual(self.successResultOf(waiting).ignition, b"two")

    def test_owner_that_had_only_stopped(self) -> None:
        """What the one who has taken over has left counts for it, too."""
        late, waiting = self.one.ask(), self.two.ask()
        self.one.places.dead = True
        self.pass_time(LEASE_SECONDS + 0.2)
        self.two.source.answers[0].callback(Configuration(b"two"))
        self.assertEqual(self.successResultOf(waiting).ignition, b"two")
        self.one.source.answers[0].callback(Configuration(b"one"))
        self.assertEqual(self.successResultOf(late).ignition, b"two")

    def test_owner_whose_fetch_takes_for_ever(self) -> None:
        """Others wait as long as a fetch may take, and then fetch for themselves."""
        self.one.ask()
        waiting = self.two.ask()
        self.pass_time(PATIENCE - 0.1)
        self.assertEqual(self.calls, 1)
        self.pass_time(0.4)
        self.two.source.answers[0].callback(Configuration(b"two"))
        self.assertEqual(self.successResultOf(waiting).ignition, b"two")

    def test_away(self) -> None:
        """Each goes on by itself, without waiting; what it has is not lost when that ends."""
        self.memory.away = True
        waiting = [replica.ask() for replica in self.replicas]
        for replica in self.replicas:
            replica.source.answers[0].callback(Configuration(b"own"))
            self.assertEqual(replica.seen, [Source.ALONE])
        for each in waiting:
            self.successResultOf(each)
        self.memory.away = False
        self.pass_time(SHARE_SECONDS + 0.1)
        self.one.ask()
        self.one.source.answers[1].callback(Configuration(b"again"))
        self.assertEqual(self.ignition(self.two), b"again")
        self.assertEqual(self.calls, 4)

    def test_goes_away_while_one_fetches(self) -> None:
        first, second = self.one.ask(), self.two.ask()
        self.memory.away = True
        self.pass_time(0.2)
        for replica, waiting in ((self.one, first), (self.two, second)):
            replica.source.answers[0].callback(Configuration(b"own"))
            self.assertEqual(self.successResultOf(waiting).ignition, b"own")

    def test_stalls(self) -> None:
        """A request waits 0.2 s for it at most, wherever it stalls: half before it fetches."""
        for delay, asked in ((None, 0.1), (0.09, 0.09), (0.001, 0.001)):
            self.setUp()
            self.memory.delay = delay
            waiting = self.one.ask()
            self.clock.pump([0.001] * round(1000 * asked + 1))
            self.assertEqual(self.calls, 1, delay)
            self.memory.delay = None
            self.one.source.answers[0].callback(Configuration(b"own"))
            self.clock.pump([0.001] * 101)
            self.assertEqual(self.successResultOf(waiting).ignition, b"own")

    def test_late(self) -> None:
        """Who has had no answer in time fetches, too; what was left first counts all the same."""
        self.one.ask()
        self.memory.delay = 0.11
        late = self.two.ask()
        self.pass_time(0.2)
        self.memory.delay = 0
        self.assertEqual(self.calls, 2)
        self.two.source.answers[0].callback(Configuration(b"two"))
        self.assertEqual(self.successResultOf(late).ignition, b"two")
        self.one.source.answers[0].callback(Configuration(b"one"))
        for replica in self.replicas:
            self.assertEqual(self.ignition(replica), b"two")

    def test_changed_by_others(self) -> None:
        """It is not used, and stays as it is."""
        self.one.ask()
        self.one.source.answers[0].callback(Configuration(b"one"))
        [(name, (content, until))] = self.memory.lying.items()
        assert isinstance(content, bytes)
        self.memory.lying[name] = content[:-1] + b"x", until
        waiting = self.two.ask()
        self.two.source.answers[0].callback(Configuration(b"two"))
        self.assertEqual(self.successResultOf(waiting).ignition, b"two")
        self.assertEqual(self.two.seen, [Source.ALONE])

    def test_another_key(self) -> None:
        """Then nothing is shared."""
        stranger = Replica(self.memory, secrets.token_bytes(SECRET_BYTES))
        self.one.ask()
        self.one.source.answers[0].callback(Configuration(b"one"))
        waiting = stranger.ask()
        stranger.source.answers[0].callback(Configuration(b"stranger's"))
        self.assertEqual(self.successResultOf(waiting).ignition, b"stranger's")
        self.assertEqual(self.ignition(self.one), b"one")
        self.assertEqual(self.ignition(self.two), b"one")
