"""Little room for three images; C{make on-demand-test}: of a GiB each."""

from __future__ import annotations

from tests.field.little_room import LittleRoom


class LittleRoomTests(LittleRoom):
    async def test_three_images(self) -> None:
        """24 MiB for three of 48."""
        await self.check_room(24 << 20, 48 << 20, 40)
