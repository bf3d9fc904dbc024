"""Whether a file that is there is what is configured now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.catalog.catalog import Entry
from assisted_images.oci.image_references import OsImageStream
from assisted_images.oci.references import PullSpec
from assisted_images.store.origins import PayloadOrigin, ReleaseOrigin, origin_path, write_origin
from assisted_images.values import Architecture
from httpd.concurrency.threads import run_at_once

SPEC = PullSpec.parse("quay.io/a/b:4.20.1-x86_64")
ENTRY = Entry("4.20", Architecture.X86_64, "", "4.20.1", release=SPEC)


class PayloadOriginTests(SynchronousTestCase):
    """As long as the same is configured, nobody is asked."""

    def is_of(self, stream: OsImageStream | None) -> bool:
        nobody: Any = None
        origin = PayloadOrigin(SPEC, replace(ENTRY, stream=stream), nobody, run_at_once)
        return self.successResultOf(Deferred.fromCoroutine(origin.is_of(self.target)))

    def test_stream(self) -> None:
        """Another ISO of the same release is another image."""
        self.target = Path(self.mktemp())
        self.assertTrue(self.is_of(None))
        for stream in (None, *OsImageStream):
            write_origin(self.target, ReleaseOrigin(str(SPEC), "quay.io/a/c@x", stream or ""))
            for wanted in (None, *OsImageStream):
                self.assertEqual(self.is_of(wanted), wanted is stream)

    def test_written_before_there_were_streams(self) -> None:
        self.target = Path(self.mktemp())
        text = f'{{"release": "{SPEC}", "machine_os_images": "quay.io/a/c@x"}}'
        origin_path(self.target).write_text(text)
        self.assertTrue(self.is_of(None))
        self.assertFalse(self.is_of(OsImageStream.RHEL_10))
