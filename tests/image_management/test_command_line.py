"""C{image-management serve} as a process; the other commands are in C{store.test_interchange}."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import PIPE, Popen
from urllib.request import urlopen

from twisted.internet.threads import deferToThread
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from demo.service import ROOT
from tests.running import base_environment, console_script

_S3 = {"S3_ENDPOINT": "http://127.0.0.1:1", "S3_ACCESS_KEY": "key", "S3_SECRET_KEY": "secret"}


class ServeTests(TestCase):
    timeout = 120

    async def told(self, *arguments: str) -> tuple[str, str, int]:
        executable, *others = console_script("image-management", "serve", *arguments)
        output, errors, status = await getProcessOutputAndValue(
            executable, others, base_environment() | _S3, str(ROOT)
        )
        return output.decode(), errors.decode(), status

    async def test_it_serves(self) -> None:
        """Until SIGTERM."""
        directory = str(Path(self.mktemp()).resolve())
        await deferToThread(self.serve_until_told, {"IMS_DATA_DIR": directory, "LISTEN_PORT": "0"})

    def serve_until_told(self, settings: dict[str, str]) -> None:
        command = console_script("image-management", "serve")
        environment = base_environment() | _S3 | settings
        with Popen(command, stdout=PIPE, env=environment, cwd=ROOT) as process:
            assert process.stdout is not None
            port = json.loads(next(line for line in process.stdout if b'"listening"' in line))[
                "port"
            ]
            # It has taken the signals by the time that it answers.
            with urlopen(f"http://127.0.0.1:{port}/healthz/live") as response:
                self.assertEqual(response.status, 200)
            process.terminate()
            self.assertEqual(process.wait(60), 0)

    async def test_wrong_settings(self) -> None:
        output, errors, status = await self.told("--listen-port", "99999")
        self.assertEqual((output, status), ("", 1))
        self.assertIn("LISTEN_PORT: '99999'; expected a whole number from 0 to 65535", errors)

    async def test_help(self) -> None:
        output, errors, status = await self.told("--help")
        self.assertEqual((errors, status), ("", 0))
        self.assertIn("--s3-endpoint=", output)
