"""
Cases that are written once for the double and for a real Kubernetes: on the double they run in
C{make test}, on the real one in C{make cluster-test}.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from twisted.trial.unittest import TestCase

from tests.engines.kubernetes.double import start_double
from tests.engines.kubernetes.failing_server import FailingServer
from tests.engines.kubernetes.resources import StatusError

_T = TypeVar("_T")


class KubernetesTestCase(TestCase):
    """Has a Kubernetes."""

    timeout = 60

    def start_kubernetes(self) -> FailingServer:
        """An empty one, which is gone at the test's end."""
        return start_double(self)

    async def refusal(self, asking: Awaitable[_T]) -> StatusError:
        """The error that something must be answered with."""
        try:
            result = await asking
        except StatusError as error:
            return error
        raise AssertionError(f"it was not refused: {result!r}")
