"""
The service is killed while it makes and deletes jobs; C{make cluster-test} does it between any two
requests.
"""

from __future__ import annotations

from tests.image_management.jobs.kubernetes.killing import Killed


class KilledTests(Killed):
    """At some moments: each costs a start of the service."""

    async def test_killed(self) -> None:
        """In the middle, and when the Job is there and nobody was told; then while it all goes."""
        await self.begin()
        self.assertEqual(await self.check_posts([(3, True), (6, True)]), 2)
        self.assertEqual(await self.check_deletes([(2, True)]), 1)
