"""A machine boots from an image that stays at its origin; C{make boot-test}: all of them."""

from __future__ import annotations

from tests.boot.booting import boots
from tests.boot.matrix import BIOS, Cell, Medium, Product
from tests.boot.on_demand import OnDemandBootTestCase


@boots((Cell(BIOS, Medium.CD, Product.MINIMAL),))
class OnDemandBootTests(OnDemandBootTestCase):
    """The minimal ISO, and the root file system that it fetches."""
