"""
The two ends of the pipes between the primary and a secondary.

A frame is four bytes of length, the most significant first, and a L{Message} in MessagePack.  Not
C{Int32StringReceiver}: it copies what has come of a frame with each piece that comes, and an
Ignition config may have megabytes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Generic, TypeVar

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from assisted_images.infra_envs.configurations import LARGEST_PART, InfraEnvError
from assisted_images.workers.messages import Cancel, Inquiry, Message, Refusal, Reply

_HEAD = 4

LARGEST_FRAME = 3 * LARGEST_PART
"""Bytes: a configuration is made of three answers."""

_M = TypeVar("_M")


class FrameTooLarge(Exception):
    """The other side sends what it never should."""


def framed(message: Message) -> bytes:
    """The message as it is sent."""
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(_HEAD, "big") + body


class Frames:
    """Takes frames out of what arrives."""

    def __init__(self, largest: int = LARGEST_FRAME) -> None:
        self._largest = largest
        self._arrived = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """
        The frames that are whole with C{data}.

        @raise FrameTooLarge: one is longer than may be.
        """
        arrived = self._arrived
        arrived += data
        while len(arrived) >= _HEAD:
            end = _HEAD + int.from_bytes(arrived[:_HEAD], "big")
            if end > _HEAD + self._largest:
                raise FrameTooLarge
            if len(arrived) < end:
                break
            frame = bytes(arrived[_HEAD:end])
            del arrived[:end]
            yield frame


def read_message(read: Callable[[int], bytes], decoder: msgspec.msgpack.Decoder[_M]) -> _M:
    """
    Wait for one message, and take no byte more; blocking.

    @param read: as C{read} of an unbuffered file.
    @raise EOFError: none comes any more.
    """

    def exactly(count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = read(count - len(data))
            if not more:
                raise EOFError("the other side has closed")
            data += more
        return data

    length = int.from_bytes(exactly(_HEAD), "big")
    if length > LARGEST_FRAME:
        raise FrameTooLarge
    return decoder.decode(exactly(length))


class PipeEnd(Protocol, Generic[_M]):
    """
    One end.  Both sides may tell and ask; an inquiry that nobody waits for any more is cancelled at
    the other side.
    """

    _log = Logger()

    def __init__(
        self,
        incoming: msgspec.msgpack.Decoder[_M],
        told: Callable[[_M], None],
        answer: Callable[[Inquiry], Awaitable[Reply]],
        lost: Callable[[], None],
    ) -> None:
        """
        @param incoming: decodes what the other side may send.
        @param told: gets what is neither inquiry nor reply.
        @param answer: replies to inquiries.
        @param lost: called once the other side has gone.
        """
        self._incoming = incoming
        self._told = told
        self._answer = answer
        self._lost = lost
        self._frames = Frames()
        self._inquiries = 0
        self._asked: dict[int, Deferred[Reply]] = {}
        self._replying: dict[int, Deferred[None]] = {}

    def tell(self, message: Message) -> None:
        """Send a message; one that cannot arrive any more is dropped."""
        transport: ITransport | None = self.transport
        if transport is not None:
            transport.write(framed(message))

    async def ask(self, inquiry: Callable[[int], Inquiry]) -> Reply:
        """
        Ask, and wait for the reply.

        @param inquiry: makes the inquiry of its number.
        @raise InfraEnvError: that is the reply.
        @raise ConnectionLost: the other side is gone.
        """
        if self.transport is None:
            raise ConnectionLost()
        self._inquiries += 1
        number = self._inquiries
        waiting = self._asked[number] = Deferred(lambda _: self.tell(Cancel(number)))
        try:
            self.tell(inquiry(number))
            reply = await waiting
        finally:
            self._asked.pop(number, None)
        if reply.refusal is not None:
            raise _raised(reply.refusal)
        return reply

    def dataReceived(self, data: bytes) -> None:
        """Take what has come."""
        for frame in self._frames.feed(data):
            self._received(self._incoming.decode(frame))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Reply and await nothing more."""
        self.transport = None
        for replying in [*self._replying.values()]:
            replying.cancel()
        for waiting in [*self._asked.values()]:
            waiting.errback(ConnectionLost())
        self._lost()

    def _received(self, message: _M) -> None:
        match message:
            case Reply(number=number):
                waiting = self._asked.pop(number, None)
                if waiting is not None:
                    waiting.callback(message)
            case Cancel(number=number):
                if number in self._replying:
                    self._replying[number].cancel()
            case Inquiry(number=number):
                replying = Deferred.fromCoroutine(self._reply(message))
                if not replying.called:
                    self._replying[number] = replying
            case _:
                self._told(message)

    async def _reply(self, inquiry: Inquiry) -> None:
        try:
            reply = await self._answer(inquiry)
        except CancelledError:
            return
        except InfraEnvError as error:
            reply = Reply(inquiry.number, refusal=Refusal(error.status, str(error)))
        except Exception:
            self._log.failure("a question of another worker cannot be answered")
            reply = Reply(inquiry.number, refusal=Refusal(0, ""))
        finally:
            self._replying.pop(inquiry.number, None)
        self.tell(reply)


class NotAnswered(Exception):
    """The other side failed to answer; its log says why."""


def _raised(refusal: Refusal) -> Exception:
    return InfraEnvError(refusal.status, refusal.text) if refusal.status else NotAnswered()
