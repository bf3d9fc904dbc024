"""Which image a request means."""

from __future__ import annotations

from io import BytesIO

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.catalog.catalog import Catalog, UnknownImage
from assisted_images.live.layout import read_layout
from assisted_images.store.images import ImageState, ImageStore, ReadyImage
from assisted_images.values import Architecture, ImageType
from httpd.representation.segments import Representation
from tests.assisted_images.store.images import entry, os_image

URL = "http://mirror.example/rhcos.iso"


class ImageStoreTests(SynchronousTestCase):
    """Looking images up."""

    def setUp(self) -> None:
        self.store = ImageStore(
            Catalog([entry(URL), entry(URL, image_type=ImageType.DISCONNECTED)])
        )

    def test_found(self) -> None:
        """By version or OpenShift version, architecture and type; a minimal ISO by the full one."""
        full, disconnected = self.store.images
        for key in ["417.1", "4.17"]:
            for image_type, image in [
                (ImageType.FULL, full),
                (ImageType.MINIMAL, full),
                (ImageType.DISCONNECTED, disconnected),
            ]:
                self.assertIs(self.store.find(key, Architecture.X86_64, image_type), image)
        with self.assertRaises(UnknownImage):
            self.store.find("4.16", Architecture.X86_64, ImageType.FULL)

    def make_ready(self) -> None:
        for image in self.store.images:
            iso = BytesIO(os_image())
            ready = ReadyImage(Representation.from_bytes(os_image()), read_layout(iso), 0.0)
            image.change(ImageState.READY, ready=ready)

    def test_found_by_its_own_version(self) -> None:
        """An image that is ready names a version itself."""
        full, _ = self.store.images
        with self.assertRaises(UnknownImage):
            self.store.find("sample", Architecture.X86_64, ImageType.MINIMAL)
        self.make_ready()
        self.assertIs(self.store.find("sample", Architecture.X86_64, ImageType.MINIMAL), full)
        with self.assertRaises(UnknownImage):
            self.store.find("sample", Architecture.ARM64, ImageType.FULL)

    def test_ready(self) -> None:
        """Once all images are."""
        self.assertFalse(self.store.ready)
        self.make_ready()
        self.assertTrue(self.store.ready)
        self.store.images[1].change(ImageState.CHECKING)
        self.assertFalse(self.store.ready)
