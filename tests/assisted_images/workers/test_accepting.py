"""Who leaves connections to whom."""

from __future__ import annotations

import os

from twisted.internet.protocol import ServerFactory
from twisted.trial.unittest import TestCase

from assisted_images.workers.accepting import FairSockets
from assisted_images.workers.ledger import Fact, Ledger
from httpd.listening.sockets import listening_socket
from tests.httpd.outbound.servers import trial_reactor


class FairSocketsTests(TestCase):
    async def test_serves_for_as_long_as_it_listens(self) -> None:
        """The others leave nothing to a worker that has not begun, or has closed its ports."""
        ledger = Ledger.create(2)
        self.addCleanup(os.close, ledger.descriptor)
        self.assertEqual(ledger.all(Fact.SERVING), [0, 0])
        with listening_socket(0) as listening:
            port = FairSockets(trial_reactor(), ledger).adoptStreamPort(
                listening.fileno(), listening.family, ServerFactory()
            )
        self.assertEqual(ledger.all(Fact.SERVING), [1, 0])
        closed = port.stopListening()
        assert closed is not None
        await closed
        self.assertEqual(ledger.all(Fact.SERVING), [0, 0])
