"""What the documentation says of the settings."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from image_management.settings.table import SETTINGS
from tests.settings_pages import documented_rows, wanted_rows


class DocumentationTests(SynchronousTestCase):
    """C{docs/reference/image-management.md} says what the table says."""

    def test_table(self) -> None:
        rows = documented_rows("image-management.md", "## Settings")
        self.assertEqual(rows, wanted_rows(SETTINGS))
