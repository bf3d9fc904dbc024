"""Which images are refused before they are served."""

from __future__ import annotations

import io
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.live.layout import IsoError, check_os_image, read_layout
from tests.assisted_images.live.images import tree, write_sparse


class CheckOsImageTests(SynchronousTestCase):
    """What is refused before it is ever served."""

    def setUp(self) -> None:
        self.path = write_sparse(tree(), Path(self.mktemp()))
        self.content = bytearray(self.path.read_bytes())

    def check(self, kernel: int = 9000, rootfs: int = 50_000, cut: int = 0) -> None:
        layout = read_layout(io.BytesIO(self.content))
        check_os_image(layout, len(self.content) - cut, kernel, rootfs)

    def test_good(self) -> None:
        """At the very limits; trailing padding is no fault."""
        self.check()
        self.content += bytes(4096)
        self.check()

    def test_small(self) -> None:
        with self.assertRaisesRegex(IsoError, "the kernel has 9000 bytes; at least 9001"):
            self.check(kernel=9001)
        with self.assertRaisesRegex(IsoError, "the rootfs has 50000 bytes; at least 50001"):
            self.check(rootfs=50_001)

    def test_cut_off(self) -> None:
        with self.assertRaisesRegex(IsoError, r"cut off: the file has \d+ bytes of \d+"):
            self.check(cut=1)

    def test_another_volume(self) -> None:
        for name, good in ((b"scos-4.19", True), (b"fedora-coreos-40", True), (b"debian", False)):
            self.content[32808:32840] = name.ljust(32)
            if good:
                self.check()
                continue
            with self.assertRaisesRegex(IsoError, "volume id is 'debian'; expected .* rhcos-"):
                self.check()

    def test_no_rootfs(self) -> None:
        self.content[:] = write_sparse({"images/x": b"x"}, Path(self.mktemp())).read_bytes()
        with self.assertRaisesRegex(IsoError, "no kernel in /images/pxeboot"):
            self.check()
