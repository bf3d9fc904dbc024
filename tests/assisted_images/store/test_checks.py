"""Which files are served as OS images."""

from __future__ import annotations

import hashlib
from pathlib import Path
from threading import Event

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.iso9660.errors import IsoError
from assisted_images.store.checks import Limits, Stopped, check_image
from assisted_images.store.records import Record, Stamp
from tests.assisted_images.store.images import LIMITS, entry, os_image


class CheckTests(SynchronousTestCase):
    """Which files are served, and why others are not (docs/reference/files.md, "Checks")."""

    def check(self, content: bytes, sha256: str | None = None, limits: Limits = LIMITS) -> None:
        path = Path(self.mktemp())
        path.write_bytes(content)
        check_image(path, entry("http://x", sha256=sha256), limits, Event())

    def test_sound(self) -> None:
        self.check(os_image())
        self.check(os_image(), hashlib.sha256(os_image()).hexdigest())

    def test_not_an_image(self) -> None:
        for content in [b"", b"<html>Please log in</html>", bytes(100_000)]:
            with self.assertRaises(IsoError):
                self.check(content)

    def test_cut_off(self) -> None:
        with self.assertRaises(IsoError):
            self.check(os_image()[:-2048])

    def test_too_small_inside(self) -> None:
        for limits in [Limits(7, 6), Limits(6, 1024 * 1024)]:
            with self.assertRaisesRegex(IsoError, "at least"):
                self.check(os_image(), limits=limits)

    def test_other_digest(self) -> None:
        with self.assertRaisesRegex(IsoError, f"but the catalogue says {'0' * 64}"):
            self.check(os_image(), "0" * 64)

    def test_remembered(self) -> None:
        """A file that has not been touched since it passed is not read again."""
        path = Path(self.mktemp())
        path.write_bytes(os_image())
        stamp = Stamp.of(path.stat())
        # Nobody could have computed this digest: if it is believed, the file was not hashed.
        record = Record("0" * 64, stamp, stamp.changed_ns + 10**9)
        for sha256 in [None, "0" * 64]:
            checked = check_image(path, entry("http://x", sha256=sha256), LIMITS, Event(), record)
            self.assertTrue(checked.remembered)
        with self.assertRaisesRegex(IsoError, "but the catalogue says 111"):
            check_image(path, entry("http://x", sha256="1" * 64), LIMITS, Event(), record)
        path.touch()
        with self.assertRaisesRegex(IsoError, "but when it was checked first it was 000"):
            check_image(path, entry("http://x"), LIMITS, Event(), record)

    def test_digest(self) -> None:
        """Is known of every file that passes, whether or not there is one to compare it with."""
        path = Path(self.mktemp())
        path.write_bytes(os_image())
        sha256 = hashlib.sha256(os_image()).hexdigest()
        for expected in [None, sha256]:
            image = entry("http://x", sha256=expected)
            self.assertEqual(check_image(path, image, LIMITS, Event()).sha256, sha256)

    def test_hashed_while_it_arrived(self) -> None:
        """Such a file is not read again; what was computed then has to be right all the same."""
        path = Path(self.mktemp())
        path.write_bytes(os_image())
        # Nobody could have computed this digest: if it is believed, the file was not hashed.
        for sha256 in [None, "0" * 64]:
            image = entry("http://x", sha256=sha256)
            checked = check_image(path, image, LIMITS, Event(), arrived="0" * 64)
            self.assertEqual((checked.sha256, checked.remembered), ("0" * 64, False))
        with self.assertRaisesRegex(IsoError, "its sha256 is 000.*, but the catalogue says 111"):
            image = entry("http://x", sha256="1" * 64)
            check_image(path, image, LIMITS, Event(), arrived="0" * 64)

    def test_given_up(self) -> None:
        """A process that goes down does not wait for gigabytes to be hashed."""
        path = Path(self.mktemp())
        path.write_bytes(os_image())
        stop = Event()
        stop.set()
        with self.assertRaises(Stopped):
            check_image(path, entry("http://x", sha256="0" * 64), LIMITS, stop)
