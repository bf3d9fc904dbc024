"""Which congestion control a benchmark has."""

from __future__ import annotations

import errno
from collections.abc import Mapping

from twisted.trial.unittest import SynchronousTestCase

from tests.bench.network import choose_unpaced


class ChoosingTests(SynchronousTestCase):
    """As the kernel answers who writes to C{tcp_congestion_control}."""

    def chosen(self, refused: Mapping[str, int]) -> list[str]:
        """
        What was chosen.

        @param refused: the error number of each that may not be had.
        """
        taken: list[str] = []

        def choose(name: str) -> None:
            if name in refused:
                raise OSError(refused[name], name)
            taken.append(name)

        choose_unpaced(choose)
        return taken

    def test_as_linux_comes(self) -> None:
        self.assertEqual(self.chosen({}), ["cubic"])

    def test_not_allowed_or_not_there(self) -> None:
        for number in (errno.EPERM, errno.ENOENT):
            self.assertEqual(self.chosen({"cubic": number}), ["reno"])

    def test_neither(self) -> None:
        """What there is stays, and the report says what it is."""
        self.assertEqual(self.chosen({"cubic": errno.EPERM, "reno": errno.ENOENT}), [])
