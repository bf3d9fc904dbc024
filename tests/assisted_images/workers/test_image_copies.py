"""Images that another process has brought."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.catalog.catalog import Catalog
from assisted_images.store.checks import check_image
from assisted_images.store.derived import ready_image
from assisted_images.store.images import ImageStore
from assisted_images.store.states import ImageState
from assisted_images.workers.image_copies import ImageCopies, ImageSummaries
from assisted_images.workers.loading import Loading
from httpd.concurrency.threads import run_at_once
from tests.assisted_images.store.images import LIMITS, entry, os_image

_BASE_URL = "http://images.example"


class ImagesTests(SynchronousTestCase):
    """A store that brings an image, and one that follows it."""

    def setUp(self) -> None:
        self.data = Path(self.mktemp())
        self.data.mkdir()
        catalog = Catalog([entry("http://127.0.0.1:1/x")])
        self.first, self.second = ImageStore(catalog), ImageStore(catalog)
        self.loaded: list[int] = []
        self.clock = Clock()
        self.summaries = ImageSummaries(self.first)
        on_demand: Any = None  # all images are here
        self.copies = ImageCopies(
            self.second,
            Loading(
                data_dir=self.data,
                base_url=_BASE_URL,
                run_in_thread=run_at_once,
                read_in_thread=run_at_once,
                on_demand=on_demand,
                origin_of_parts=on_demand,
            ),
            self.clock,
            lambda: self.loaded.append(self.copies.count),
            lambda image, facts: self.fail("it stays at no origin"),
        )

    def bring(self) -> None:
        """Have the first store's image ready."""
        [image] = self.first.images
        path = self.data / image.entry.file_name
        path.write_bytes(os_image())
        checked = check_image(path, image.entry, LIMITS, None)  # type: ignore[arg-type]
        content = ready_image(path, checked, image.entry, _BASE_URL, run_at_once)
        image.change(ImageState.READY, ready=content)

    def test_follows(self) -> None:
        """What the first says of it, the second says, and is not ready for it."""
        [image], [copy] = self.first.images, self.second.images
        image.bytes, image.total = 5, 10
        image.change(ImageState.FAILED, "no", next_try=7.5)
        self.copies.follow(self.summaries.now())
        self.assertEqual(
            (copy.state, copy.reason, copy.next_try, copy.bytes, copy.total),
            (ImageState.FAILED, "no", 7.5, 5, 10),
        )
        self.assertIsNone(copy.ready)
        self.assertEqual(self.loaded, [0])

    def test_same_content(self) -> None:
        """Made once more of the file, without writing anything."""
        self.bring()
        before = {path.name: path.stat().st_mtime_ns for path in self.data.iterdir()}
        self.copies.follow(self.summaries.now())
        self.assertEqual(self.loaded[-1], 1)
        [image], [copy] = self.first.images, self.second.images
        assert image.ready is not None
        assert copy.ready is not None
        self.assertEqual(copy.ready.image.digest, image.ready.image.digest)
        assert image.ready.minimal is not None
        assert copy.ready.minimal is not None
        self.assertEqual(copy.ready.minimal.image.digest, image.ready.minimal.image.digest)
        self.assertEqual(copy.ready.minimal.layout, image.ready.minimal.layout)
        after = {path.name: path.stat().st_mtime_ns for path in self.data.iterdir()}
        self.assertEqual(after, before)

    def test_another_file_by_now(self) -> None:
        """Is not served in its place; when the right one is back, that is."""
        self.bring()
        [image] = self.first.images
        path = self.data / image.entry.file_name
        times = path.stat().st_mtime_ns
        os.utime(path, ns=(times, times + 1))
        self.copies.follow(self.summaries.now())
        [copy] = self.second.images
        self.assertIsNone(copy.ready)
        self.assertEqual(copy.state, ImageState.CHECKING)
        # It can serve the rest, had it any.
        self.assertEqual({*self.loaded}, {0})
        os.utime(path, ns=(times, times))
        self.clock.advance(5)
        self.assertIsNotNone(copy.ready)
        self.assertEqual(copy.state, ImageState.READY)
        self.assertEqual(self.loaded[-1], 1)

    def test_taken_out(self) -> None:
        """What the first does not serve any more the second does not; then what it serves next."""
        self.bring()
        [image], [copy] = self.first.images, self.second.images
        self.copies.follow(self.summaries.now())
        before = copy.ready
        image.take_out()
        self.copies.follow(self.summaries.now())
        self.assertIsNone(copy.ready)
        self.assertEqual(copy.state, ImageState.CHECKING)
        self.bring()
        self.copies.follow(self.summaries.now())
        assert image.ready is not None
        assert copy.ready is not None
        self.assertIsNot(copy.ready, before)
        self.assertEqual(copy.ready.image.digest, image.ready.image.digest)

    def test_touched(self) -> None:
        """The second notices for itself, and waits for what the first has to say."""
        self.bring()
        [image], [copy] = self.first.images, self.second.images
        self.copies.follow(self.summaries.now())
        os.utime(self.data / image.entry.file_name)
        self.assertIsNone(copy.current())
        self.assertEqual(copy.state, ImageState.CHECKING)
        self.clock.advance(1)
        self.assertIsNone(copy.ready)
        self.bring()
        self.copies.follow(self.summaries.now())
        self.clock.advance(5)
        assert image.ready is not None
        assert copy.ready is not None
        self.assertEqual(copy.ready.image.digest, image.ready.image.digest)
        self.assertEqual(self.loaded[-1], 1)
