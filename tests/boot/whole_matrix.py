"""Every cell of the boot matrix; takes minutes, so C{make boot-test} runs it, not C{make test}."""

from __future__ import annotations

from tests.boot.booting import BootTestCase, boots
from tests.boot.matrix import MATRIX, ON_DEMAND
from tests.boot.on_demand import OnDemandBootTestCase


@boots(MATRIX)
class MatrixTests(BootTestCase):
    """Each way to boot each kind of image."""


@boots(ON_DEMAND)
class OnDemandTests(OnDemandBootTestCase):
    """Those that are behind 4 GiB of an image, too."""
