"""Whether the operations of this process are still its own."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from image_management.store.errors import StoreUnavailable
from image_management.store.store import LEASE_SECONDS

SURE_SECONDS = LEASE_SECONDS * 2 / 3
"""
For how long after a renewal nothing is doubted: what S3 is asked for then has its time until
another process might take over.
"""


class Leases:
    """Knows when the leases of this process were renewed last."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._renewed = clock.seconds()

    def renewed(self, asked: float) -> None:
        """
        Note that they are.

        @param asked: when the store was asked for it, by the clock.
        """
        self._renewed = max(self._renewed, asked)

    def check(self) -> None:
        """
        To be called before anything is changed in S3.

        @raise StoreUnavailable: another process may be at the same.
        """
        if self._clock.seconds() - self._renewed > SURE_SECONDS:
            raise StoreUnavailable("the store has not renewed the lease of the operation in time")
