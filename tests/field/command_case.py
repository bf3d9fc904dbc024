"""What tests of C{assisted-images} as a process have in common."""

from __future__ import annotations

from twisted.internet.utils import getProcessOutputAndValue

from tests.field.images import noisy_image
from tests.field.service import FieldTestCase
from tests.running import base_environment, console_script

IGNITION = b'{"ignition": {"version": "3.2.0"}}'


class CommandTestCase(FieldTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.content = noisy_image()
        self.iso = self.directory() / "rhcos.iso"
        self.iso.write_bytes(self.content)

    async def run_command(
        self, *arguments: str, status: int = 0, **environment: str
    ) -> tuple[bytes, str]:
        """What it wrote, and what it said of failures."""
        executable, *others = console_script("assisted-images", *arguments)
        output, errors, found = await getProcessOutputAndValue(
            executable, others, base_environment() | environment
        )
        self.assertEqual(found, status, errors)
        self.assertNotIn(b"Traceback", errors)
        return output, errors.decode()

    async def refusal(self, *arguments: str, status: int = 1) -> str:
        output, errors = await self.run_command(*arguments, status=status)
        self.assertEqual(output, b"")
        return errors
