"""One secondary, as the primary sees it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.workers.inheritance import FROM_PRIMARY, LOG, TO_PRIMARY
from assisted_images.workers.messages import AskCounts, Drain, Inquiry, Message, Reply
from assisted_images.workers.secondary_process import Events, SecondaryProcess


class Pipes:
    """A process's pipes, as Twisted has them: there is no writing to one that is closed."""

    def __init__(self) -> None:
        self.open = {LOG, FROM_PRIMARY, TO_PRIMARY}

    def writeToChild(self, number: int, data: bytes) -> None:  # noqa: N802
        if number not in self.open:
            raise KeyError(number)

    def closeChildFD(self, number: int) -> None:  # noqa: N802
        self.open.discard(number)


class SecondaryProcessTests(SynchronousTestCase):
    def setUp(self) -> None:
        async def answer(inquiry: Inquiry) -> Reply:
            raise AssertionError("nothing is asked")

        def told(secondary: SecondaryProcess, message: Message) -> None:
            raise AssertionError("nothing is told")

        events = Events(
            told=told, answer=answer, wrote=lambda line: None, ended=lambda secondary, how: None
        )
        self.secondary = SecondaryProcess(1, 0.0, events)
        self.pipes = Pipes()
        transport: Any = self.pipes
        self.secondary.makeConnection(transport)

    def test_pipes_close_one_after_the_other(self) -> None:
        """
        In either order: who has asked it gets to know, and telling it more is no error until it is
        known to have ended.
        """
        for first, second in ((FROM_PRIMARY, TO_PRIMARY), (TO_PRIMARY, FROM_PRIMARY)):
            self.setUp()
            asked = Deferred.fromCoroutine(self.secondary.pipe.ask(AskCounts))
            for number in (first, second):
                self.pipes.open.discard(number)
                self.secondary.childConnectionLost(number)
                self.secondary.pipe.tell(Drain())
                again = Deferred.fromCoroutine(self.secondary.pipe.ask(AskCounts))
                self.failureResultOf(again, ConnectionLost)
            self.failureResultOf(asked, ConnectionLost)
