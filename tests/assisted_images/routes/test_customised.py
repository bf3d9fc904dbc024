"""What is made of an image and a configuration: composed once for all who ask for the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.routes.customisations import Customisations, Product
from assisted_images.store.states import ReadyImage
from assisted_images.values import Architecture, Configuration, ImageType
from httpd.concurrency.threads import run_at_once
from httpd.representation.segments import BytesSegment
from httpd.web.respond import Content
from tests.assisted_images.kernel_arguments import appended
from tests.assisted_images.routes.application import ID, content

P = ParamSpec("P")
T = TypeVar("T")


def configuration(ignition: bytes = b"{}") -> Configuration:
    """A new object each time, as of a source that shares nothing."""
    return Configuration(ignition, b"ramdisk", appended("quiet"), 5.0)


FULL = Product.discovery_iso(ImageType.FULL, Architecture.X86_64, ID)


class CustomisationsTests(SynchronousTestCase):
    """What is kept."""

    def setUp(self) -> None:
        self.composed = 0
        self.customisations = Customisations(self.in_thread)
        self.image = content()

    def in_thread(
        self, function: Callable[P, T], /, *arguments: P.args, **named: P.kwargs
    ) -> Deferred[T]:
        self.composed += 1
        return run_at_once(function, *arguments, **named)

    def made(
        self,
        product: Product = FULL,
        image: ReadyImage | None = None,
        ignition: bytes = b"{}",
    ) -> Content:
        making = self.customisations.content(product, image or self.image, configuration(ignition))
        return self.successResultOf(Deferred.fromCoroutine(making))

    def test_equal_configurations(self) -> None:
        """They need not be one object: with C{CONFIG_SHARE_SECONDS=0} each request has its own."""
        self.assertIs(self.made(), self.made())
        self.assertEqual(self.composed, 1)

    def test_others(self) -> None:
        """Another image, configuration or product, or an image that has come again."""
        first = self.made()
        minimal = Product.discovery_iso(ImageType.MINIMAL, Architecture.X86_64, ID)
        for other in (
            self.made(image=content()),
            self.made(ignition=b'{"ignition": {}}'),
            self.made(minimal),
            self.made(Product.discovery_iso(ImageType.FULL, Architecture.X86_64, ID[::-1])),
            self.made(Product.pxe_initrd(ID)),
            self.made(Product.initrd_addrsize(ID)),
        ):
            self.assertIsNot(other, first)
        self.assertEqual(self.composed, 7)
        self.assertIs(self.made(), first)

    def test_bounded(self) -> None:
        """In bytes: what has not been asked for the longest time is composed again."""
        each = self.made().representation.bytes_in_memory + configuration().size
        self.customisations = Customisations(self.in_thread, 10 * each + each // 2)
        self.composed = 0
        for number in range(20):
            self.made(ignition=b"%02d" % number)
            self.made(ignition=b"00")
        self.assertEqual(self.composed, 20)
        self.made(ignition=b"11")
        self.assertEqual(self.composed, 20)
        self.made(ignition=b"10")
        self.assertEqual(self.composed, 21)

    def test_larger_than_the_bound(self) -> None:
        """Is made, and not kept."""
        self.customisations = Customisations(self.in_thread, 100)
        self.assertIsNot(self.made(), self.made())

    def test_size_of_the_initrd(self) -> None:
        """The one that is served, behind its address."""
        initrd = self.made(Product.pxe_initrd(ID)).representation
        [area] = self.made(Product.initrd_addrsize(ID)).representation
        assert isinstance(area, BytesSegment)
        self.assertEqual(bytes(area.data)[8:], initrd.length.to_bytes(8, "big"))
