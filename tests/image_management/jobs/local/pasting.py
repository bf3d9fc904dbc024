"""C{make run-ims} as root, and what it prints of jobs to be pasted into a shell."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

from tests.demo.pasted import Shell, printed_lines
from tests.demo.terminal import CTRL_C, READY, DemoTestCase
from tests.running import require_root

Step = tuple[str, list[str]]


class PastingTestCase(DemoTestCase):
    """
    Runs the demo.

    @ivar shell: where to paste.
    @ivar folder: where that runs.
    @ivar ssh_config: by which it logs in.
    """

    module = "demo.image_management"

    def setUp(self) -> None:
        require_root()
        super().setUp()
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        self.shell = Shell(self.folder)
        self.ssh_config = self.data / "ssh/config"

    async def steps(self, **settings: str) -> list[Step]:
        """What it prints of jobs: headings, each with its lines."""
        self.terminal = self.run_demo(IMS_SSH_PORTS=str(_free_port()), **settings)
        await self.terminal.until(READY)
        return [*printed_lines(self.terminal.output, "Build an image of the sample recipe")]

    async def job(self) -> dict[str, Any]:
        """The record of the job that is at hand."""
        text = await self.shell.paste(f"curl --silent {self.collection('jobs')}/$job")
        record: dict[str, Any] = json.loads(text)
        return record

    async def succeeded_log(self) -> str:
        """
        The log of the job that is at hand.

        @raise AssertionError: it has not succeeded.
        """
        job = await self.job()
        log = await self.shell.paste(f"curl --silent {self.collection('jobs')}/$job/log")
        self.assertEqual(job["status"], "success", log[-8000:])
        return log

    def collection(self, name: str) -> str:
        """Where the demo says that records are."""
        [url] = re.findall(rf"(?m)^  {name} +(\S+)$", self.terminal.output)
        return str(url)

    async def nothing_left(self) -> None:
        """Delete all jobs, and end the demo; see that nothing of either is left."""
        await self.shell.paste(f"curl --fail --silent --request DELETE {self.collection('jobs')}")
        work = self.data / "records/jobs"
        self.assertEqual([*work.iterdir()], [])
        self.assertNotIn(str(work), Path("/proc/self/mountinfo").read_text())
        self.terminal.press(CTRL_C)
        await self.assert_ends(self.terminal)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
