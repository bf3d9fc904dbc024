"""The pipes between workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.infra_envs.configurations import (
    ConfigurationRequest,
    Credential,
    CredentialKind,
    InfraEnvError,
)
from assisted_images.infra_envs.sharing import Lease
from assisted_images.values import Configuration, ImageType
from assisted_images.workers.messages import (
    TO_PRIMARY_DECODER,
    TO_SECONDARY_DECODER,
    WELCOME_DECODER,
    AskConfiguration,
    Drain,
    Inquiry,
    Loaded,
    Reply,
    Welcome,
)
from assisted_images.workers.pipes import (
    Frames,
    FrameTooLarge,
    NotAnswered,
    PipeEnd,
    framed,
    read_message,
)
from tests.assisted_images.kernel_arguments import appended
from tests.properties import given

REQUEST = ConfigurationRequest(
    "id", ImageType.MINIMAL, Credential(CredentialKind.API_KEY, "swordfish")
)


class FramesTests(SynchronousTestCase):
    @given(st.lists(st.binary(max_size=50), max_size=5), st.lists(st.integers(1, 60)))
    def test_however_they_are_cut(self, bodies: list[bytes], sizes: list[int]) -> None:
        whole = b"".join(len(body).to_bytes(4, "big") + body for body in bodies)
        frames = Frames()
        found: list[bytes] = []
        for size in [*sizes, len(whole) + 1]:
            piece, whole = whole[:size], whole[size:]
            found += frames.feed(piece)
        self.assertEqual(found, bodies)

    def test_bounded(self) -> None:
        """What is longer than it may be is not waited for."""
        self.assertEqual(list(Frames(3).feed(b"\0\0\0\3abc")), [b"abc"])
        with self.assertRaises(FrameTooLarge):
            list(Frames(3).feed(b"\0\0\0\4"))

    def test_one_message(self) -> None:
        """The first is read without touching what follows."""
        welcome = Welcome(1, {"DATA_DIR": b"/data\xff"}, ((8443, True), (0, False)))
        data = framed(welcome) + b"rest"
        position = 0

        def read(count: int) -> bytes:
            nonlocal position
            piece = data[position : position + min(count, 3)]
            position += len(piece)
            return piece

        self.assertEqual(read_message(read, WELCOME_DECODER), welcome)
        self.assertEqual(data[position:], b"rest")
        data = data[:10]
        position = 0
        with self.assertRaises(EOFError):
            read_message(read, WELCOME_DECODER)

    def test_messages_have_no_text(self) -> None:
        """Whoever logs one logs nothing secret."""
        for message in (AskConfiguration(1, REQUEST), Welcome(1, {"KEY": b"swordfish"}, ())):
            self.assertNotIn("swordfish", repr(message))
            self.assertNotIn("swordfish", str(message))


class Pipe:
    """One direction."""

    def __init__(self) -> None:
        self.receive: Callable[[bytes], None] = lambda data: None

    def write(self, data: bytes) -> None:
        self.receive(data)


class PipeEndTests(SynchronousTestCase):
    """Two ends, tied together."""

    def setUp(self) -> None:
        self.told: list[Any] = []
        self.lost: list[str] = []
        self.asked: list[Deferred[Lease]] = []
        self.cancelled = 0
        self.primary: PipeEnd[Any] = PipeEnd(
            TO_PRIMARY_DECODER,
            self.told.append,
            self.answer,
            lambda: self.lost.append("primary"),
        )
        self.secondary: PipeEnd[Any] = PipeEnd(
            TO_SECONDARY_DECODER,
            self.told.append,
            self.answer,
            lambda: self.lost.append("secondary"),
        )
        down, up = Pipe(), Pipe()
        down.receive, up.receive = self.secondary.dataReceived, self.primary.dataReceived
        self.primary.makeConnection(down)
        self.secondary.makeConnection(up)

    async def answer(self, inquiry: Inquiry) -> Reply:
        assert isinstance(inquiry, AskConfiguration)
        self.assertEqual(inquiry.request, REQUEST)
        lease: Deferred[Lease] = Deferred(self.cancel)
        self.asked.append(lease)
        return Reply(inquiry.number, lease=await lease)

    def cancel(self, lease: Deferred[Lease]) -> None:
        self.cancelled += 1

    def ask(self) -> Deferred[Reply]:
        return Deferred.fromCoroutine(
            self.secondary.ask(lambda number: AskConfiguration(number, REQUEST))
        )

    def test_telling(self) -> None:
        self.secondary.tell(Loaded(3))
        self.primary.tell(Drain())
        self.assertEqual(self.told, [Loaded(3), Drain()])

    def test_answers_in_any_order(self) -> None:
        first, second = self.ask(), self.ask()
        leases = [
            Lease(Configuration(b"\0one\xff", b"ramdisk", appended("a", "b"), 1.5), 0.25, 60.25),
            Lease(Configuration(b"two"), 1.0, 61.0),
        ]
        self.asked[1].callback(leases[1])
        self.asked[0].callback(leases[0])
        self.assertEqual(self.successResultOf(first).lease, leases[0])
        self.assertEqual(self.successResultOf(second).lease, leases[1])

    def test_refusal(self) -> None:
        """The error there is the error here."""
        reply = self.ask()
        self.asked[0].errback(InfraEnvError(401, "no"))
        error = self.failureResultOf(reply, InfraEnvError).value
        self.assertEqual((error.status, str(error)), (401, "no"))

    def test_fault(self) -> None:
        """Is logged where it is; the other side learns that there is one."""
        reply = self.ask()
        self.asked[0].errback(KeyError("swordfish"))
        error = self.failureResultOf(reply, NotAnswered).value
        self.assertEqual(str(error), "")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_cancelling(self) -> None:
        """Who asks no more is answered no more; a late answer is nobody's."""
        reply = self.ask()
        reply.cancel()
        self.failureResultOf(reply, CancelledError)
        self.assertEqual(self.cancelled, 1)
        self.primary.tell(Reply(1))
        again = self.ask()
        self.asked[1].callback(Lease(Configuration(b"two"), 0.0, 1.0))
        self.assertEqual(self.successResultOf(again).number, 2)

    def test_other_side_gone(self) -> None:
        waiting = self.ask()
        self.secondary.connectionLost()
        self.failureResultOf(waiting, ConnectionLost)
        self.failureResultOf(self.ask(), ConnectionLost)
        self.secondary.tell(Loaded(3))
        self.primary.connectionLost()
        self.assertEqual(self.cancelled, 1)
        self.assertEqual((self.lost, self.told), (["secondary", "primary"], []))

    def test_nonsense(self) -> None:
        """What the other side should never send is an error, which ends the connection."""
        with self.assertRaises(msgspec.MsgspecError):
            self.primary.dataReceived(framed(Drain()))
