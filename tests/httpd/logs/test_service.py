"""Where the log of a whole service goes."""

from __future__ import annotations

from pathlib import Path

from twisted.python.components import Componentized
from twisted.trial.unittest import SynchronousTestCase

from httpd.logs.redaction import Redaction
from httpd.logs.service import ServiceLog


class ReopenTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        self.file, self.moved = directory / "log", directory / "log.1"

    def begun(self, **twistd: object) -> ServiceLog:
        log = ServiceLog(twistd, Redaction())
        log.begin(Componentized())
        return log

    def test_log_file_that_was_moved_away(self) -> None:
        """What comes later is in a new one, and all that came before in the old."""
        log = self.begun(logfile=str(self.file))
        log.pass_on(b"one\n")
        self.file.rename(self.moved)
        log.pass_on(b"two\n")
        log.reopen()
        log.pass_on(b"three\n")
        self.assertEqual(self.moved.read_text(), "one\ntwo\n")
        self.assertEqual(self.file.read_text(), "three\n")

    def test_no_log_file(self) -> None:
        self.begun(nodaemon=True, logfile="-").reopen()
        self.begun(syslog=True).reopen()
        self.assertFalse(self.file.exists())
