"""Consumers that take bytes at a pace of their own."""

from __future__ import annotations

from twisted.internet.interfaces import IConsumer, IProducer, IPushProducer
from zope.interface import implementer


@implementer(IConsumer)
class PausingConsumer:
    """Pauses its producer from within each write, as a transport with a full buffer does."""

    producer: IPushProducer

    def __init__(self, *, pausing: bool = True) -> None:
        self.taken = bytearray()
        self.writes = 0
        self.pausing = pausing

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        self.producer = IPushProducer(producer)

    def unregisterProducer(self) -> None:
        del self.producer

    def write(self, data: bytes) -> None:
        self.taken += data
        self.writes += 1
        if self.pausing:
            self.producer.pauseProducing()
