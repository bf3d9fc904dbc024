"""Every cell of the boot matrix; takes minutes, so C{make boot-test} runs it, not C{make test}."""

from __future__ import annotations

from tests.boot.booting import BootTestCase, boots
from tests.boot.matrix import MATRIX


@boots(MATRIX)
class MatrixTests(BootTestCase):
    """Each way to boot each kind of image."""
