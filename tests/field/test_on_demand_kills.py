"""The service is killed a few times with an image on demand; fifty: C{make on-demand-test}."""

from __future__ import annotations

from tests.field.on_demand_killing import Killed


class FewKillsTests(Killed):
    """Each of them while clients read, or while it starts."""

    async def test_with_room_for_all(self) -> None:
        """No byte is wrong ever after, and no block that was here is asked for again."""
        await self.check_kills(5, 64 << 20)

    async def test_with_little_room(self) -> None:
        """Blocks come and go; what is here is right."""
        await self.check_kills(3, 32 << 20, CACHE_BYTES=f"{16 << 20}")
