"""The service is killed fifty times in the middle of moves: C{make moves-test}."""

from __future__ import annotations

from tests.image_management.images.killing import Killed


class ManyKillsTests(Killed):
    """At random points of soft delete, undelete and hard delete."""

    async def test_fifty(self) -> None:
        """Started again and asked again, it has everything in one place each time."""
        await self.check_kills(50)
