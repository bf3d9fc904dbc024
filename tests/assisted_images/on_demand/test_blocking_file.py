"""Images at their origin as files for threads."""

from __future__ import annotations

import os
from threading import Event

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from assisted_images.on_demand.block_places import BLOCK
from assisted_images.on_demand.blocking_file import BlockingFile
from assisted_images.on_demand.fetch import BlockUnavailable
from tests.assisted_images.on_demand.case import CONTENT, OnDemandTestCase


class BlockingFileTests(OnDemandTestCase):
    async def test_reading(self) -> None:
        file = BlockingFile(await self.open(), Event())
        with file:
            self.assertEqual(await deferToThread(file.read, 10), CONTENT[:10])
            self.assertEqual(file.tell(), 10)
            self.assertEqual(file.seek(BLOCK - 100), BLOCK - 100)
            found = await deferToThread(file.read, BLOCK)
            self.assertTrue(found == CONTENT[BLOCK - 100 :][:BLOCK])
            self.assertEqual(file.seek(-5, os.SEEK_END), len(CONTENT) - 5)
            self.assertEqual(await deferToThread(file.read), CONTENT[-5:])
            self.assertEqual(await deferToThread(file.read, 5), b"")
        self.assertEqual(set(self.origin.counts.values()), {1})
        self.assertIsNone(file.trouble)

    async def test_what_cannot_be_had(self) -> None:
        source = await self.open()
        self.images.close(source, "enough")
        file = BlockingFile(source, Event())
        error = await self.assertFailure(deferToThread(file.read, 10), BlockUnavailable)
        self.assertEqual(str(error), "enough")
        self.assertIs(file.trouble, error)

    async def test_given_up(self) -> None:
        source, stop = await self.open(), Event()
        self.origin.held = []
        file = BlockingFile(source, stop)
        reading: Deferred[bytes] = deferToThread(file.read, 10)
        await self.arrivals(2)
        stop.set()
        await self.assertFailure(reading, OSError)
