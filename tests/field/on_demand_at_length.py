"""What takes minutes of images on demand: C{make on-demand-test}."""

from __future__ import annotations

from tests.field.little_room import LittleRoom
from tests.field.on_demand_killing import Killed


class ManyKillsTests(Killed):
    """SIGKILL at random moments, while clients read or the service starts."""

    async def test_with_room_for_all(self) -> None:
        """No byte is wrong ever after, and no block that was here is asked for again."""
        await self.check_kills(50, 640 << 20)

    async def test_with_little_room(self) -> None:
        """Blocks come and go; what is here is right."""
        await self.check_kills(20, 192 << 20, CACHE_BYTES=f"{64 << 20}")


class LittleRoomTests(LittleRoom):
    async def test_three_images_of_a_gib(self) -> None:
        """200 MiB are never exceeded by more than a block for each fetch that runs."""
        await self.check_room(200 << 20, 1 << 30, 200)

    async def test_three_images_by_three_workers(self) -> None:
        """They bound together what they have together."""
        await self.check_room(200 << 20, 640 << 20, 200, WORKERS="3")
