"""The service is killed in the middle of moves; C{make moves-test} does it more often."""

from __future__ import annotations

from tests.image_management.images.killing import Killed


class KilledTests(Killed):
    """A few times."""

    async def test_killed(self) -> None:
        """Started again and asked again, it has everything in one place."""
        await self.check_kills(4)
