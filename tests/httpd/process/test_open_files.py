"""How many connections a process has where it may open few files."""

from __future__ import annotations

import json
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from httpd.process.open_files import OTHER_FILES
from tests.running import base_environment

_LIMITED = """
import json, resource, sys
from twisted.logger import formatEvent, globalLogPublisher
from httpd.http1.connections import Connections
from httpd.process.open_files import allow_open_files

files, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, 64), files))
events = []
globalLogPublisher.addObserver(events.append)
connections = Connections(wanted)
allow_open_files(connections)
print(json.dumps([connections.limit, [formatEvent(event) for event in events]]))
"""
"""Prints what a process with a limit of its own has, and what it says of that."""


class OpenFilesTests(SynchronousTestCase):
    def limited(self, files: int, wanted: int) -> tuple[int, list[str]]:
        ended = subprocess.run(
            [sys.executable, "-c", _LIMITED, str(files), str(wanted)],
            env=base_environment(),
            capture_output=True,
            check=True,
        )
        limit, told = json.loads(ended.stdout)
        return limit, told

    def test_what_is_said_is_what_counts(self) -> None:
        """Also where there are fewer files than are set aside for others."""
        for files in (64, OTHER_FILES, OTHER_FILES + 1, OTHER_FILES + 100):
            limit, (told,) = self.limited(files, 101)
            self.assertEqual(limit, max(1, files - OTHER_FILES))
            self.assertIn(f"{limit} connections at most instead of the 101 ", told)
            self.assertIn(f" {files} open files", told)

    def test_enough(self) -> None:
        self.assertEqual(self.limited(OTHER_FILES + 101, 101), (101, []))
