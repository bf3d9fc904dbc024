"""What mkfs.erofs makes with the options that CoreOS has used, and those around them."""

from __future__ import annotations

import lzma
from functools import cache
from itertools import cycle, product
from pathlib import Path

from tests.assisted_images.rootfs.test_erofs import PROGRAM_PATH, ImageTests, compressors, mixed

COMPRESSORS = ("lz4", "lz4hc", "lzma,level=6", "deflate,level=6", "zstd,level=5", "lz4hc:lzma")
EXTENDED = (
    "",
    "ztailpacking",
    "fragments",
    "all-fragments",
    "dedupe",
    "fragments,ztailpacking",
    "fragments,dedupe",
    "fragments,force-inode-extended",
)
PHYSICAL_BYTES = ("", "-C4096", "-C65536", "-C1048576")

SIZES = (0, 1, 4095, 4096, 4097, 8193, 65_536, 65_537, 200_001)
LINE = b"0123456789abcdefghijklmnopqrstuv\n"


def repeated(size: int) -> bytes:
    """What compresses into so little that one extent has megabytes."""
    return (LINE * (size // len(LINE) + 1))[:size]


@cache
def files() -> dict[str, bytes]:
    """Of many sizes; two that have much in common; and one of megabytes."""
    program = mixed(300_000, 3) + repeated(2_000_000)
    return {
        **{f"mixed/{size}": mixed(size, size) for size in SIZES},
        **{f"repeated/{size}": repeated(size) for size in SIZES},
        "again": mixed(200_001, 200_001)[5000:150_000],
        PROGRAM_PATH: program,
    }


class ReadAgainTests(ImageTests):
    """All files come out as they went in."""

    def compare(self, options: tuple[str, ...], expected: dict[str, bytes]) -> None:
        image = self.made(*options, files=expected)
        system = self.system(image)
        found = dict(system.files())
        self.assertEqual(sorted(found), sorted(f"/{path}" for path in expected))
        for path, content in expected.items():
            # Not assertEqual: nobody reads a difference of megabytes.
            same = system.read(system.inode(found[f"/{path}"])) == content
            self.assertTrue(same, f"{path} with {' '.join(options)}")

    def one(self, compressor: str, extended: str, physical: str) -> None:
        options = (f"-z{compressor}", f"-E{extended}" if extended else "", physical)
        self.compare(tuple(filter(None, options)), files())


def _available() -> list[str]:
    return [
        one
        for one in COMPRESSORS
        if {name.split(",")[0] for name in one.split(":")} <= compressors()
    ]


def _add_tests() -> None:
    """One for each set of options."""
    sizes = cycle(PHYSICAL_BYTES)
    for compressor, extended in product(_available(), EXTENDED):
        names = compressor, extended, next(sizes)

        def test(self: ReadAgainTests, names: tuple[str, str, str] = names) -> None:
            self.one(*names)

        name = "_".join(filter(None, names))
        setattr(ReadAgainTests, f"test_{''.join(c if c.isalnum() else '_' for c in name)}", test)


_add_tests()


class RecordedTests(ImageTests):
    def test_fragments_of_a_live_image(self) -> None:
        """
        C{-zlzma,level=6 -Efragments -C1048576}, as RHCOS 10.2 and Fedora CoreOS since 43 have it,
        by mkfs.erofs 1.8: the end of the program is a fragment, whose place no entry measures.
        """
        packed = Path(__file__).with_name("fragments-lzma.erofs.xz").read_bytes()
        self.assertTrue(self.program(lzma.decompress(packed)) == repeated(8_400_001))
