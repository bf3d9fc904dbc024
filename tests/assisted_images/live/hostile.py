"""
Damaged and malicious images: what tests try some of, and C{make fuzz} a great many.

Each function of L{CASES} draws a change to a sound image and reads the result.  It returns when
that was read or refused with a reason; anything else is an error: another exception, a read of
absurd size, something outside the image.
"""

from __future__ import annotations

import io
import json
import random
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from assisted_images.iso9660.errors import IsoError
from assisted_images.iso9660.volume import BLOCK, Volume
from assisted_images.live.compose import (
    AreaOverflow,
    BadKernelArgument,
    NoKernelArgumentArea,
    discovery_iso,
    initrd_addrsize,
    pxe_initrd,
)
from assisted_images.live.layout import Layout, check_os_image, read_layout
from assisted_images.live.minimal import build_minimal_iso
from assisted_images.rootfs import cpio
from assisted_images.rootfs.nmstate import nmstate_archive
from assisted_images.values import Architecture, Configuration, Extent
from httpd.representation.segments import FileSegment, Representation
from tests.assisted_images.kernel_arguments import appended
from tests.assisted_images.live.hybrids import BEHIND_VOLUME, IN_VOLUME, write_mkisofs
from tests.assisted_images.live.images import Tree, filler, tree, write_genisoimage, write_xorriso
from tests.coreos_reader import CoreosIso

LARGEST_READ = 8 << 20
_LARGE = random.Random(6).randbytes(300 << 10)
_CONFIGURATIONS = (
    Configuration(b"{}", b"ramdisk", appended("a=1")),
    Configuration(_LARGE),
)
_JSON_ROOM = 700

Case = Callable[[st.DataObject], None]


class Watched(io.BytesIO):
    """A file that refuses reads of absurd size, before they take memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert 0 <= size <= LARGEST_READ, f"a read of {size} bytes"
        return super().read(size)


@dataclass(frozen=True)
class ContentSource:
    """A source for images that are nowhere on disk."""

    identity: str = "hostile"

    def read(self, offset: int, length: int) -> bytes:
        raise AssertionError("nobody plays this source")

    def release(self) -> None:
        pass


@dataclass(frozen=True)
class Seed:
    """A sound image, and where in it is what tells where the rest is."""

    content: bytes
    places: tuple[Extent, ...]


@cache
def iso_seeds() -> tuple[Seed, ...]:
    """One of each way of making images."""
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "image"
        return (
            _iso_seed(write_genisoimage(_roomy(tree()), target, hybrid=True)),
            _iso_seed(write_xorriso(_roomy(tree(Architecture.S390X)), target)),
            _iso_seed(write_xorriso(tree(Architecture.PPC64LE, kargs="marker"), target)),
            *(
                _iso_seed(write_mkisofs(tree(), target, "-R", "-J", *options))
                for options in (IN_VOLUME["GRUB"], BEHIND_VOLUME["appended, GPT"])
            ),
        )


def _roomy(files: Tree) -> Tree:
    """With space behind the JSON, so that other JSON can take its place."""
    for path in ("coreos/igninfo.json", "coreos/kargs.json"):
        content = files[path]
        assert isinstance(content, bytes)
        files[path] = content.ljust(_JSON_ROOM)
    return files


def _iso_seed(path: Path) -> Seed:
    content = path.read_bytes()
    iso = CoreosIso(path)
    texts = [name for name in sorted(iso.paths) if name.endswith((".json", ".cfg", ".addrsize"))]
    places = [Extent(*iso.area(name)) for name in texts]
    volume = Volume(io.BytesIO(content))
    directories = list(volume.directories())
    catalog = [] if volume.boot_catalog is None else [Extent(volume.boot_catalog, 160)]
    descriptors = Extent(16 * BLOCK, 4 * BLOCK)
    system_area = Extent(0, 1536)
    path.unlink()
    return Seed(content, (system_area, descriptors, *directories, *catalog, *places))


@cache
def rootfs_seeds() -> tuple[Seed, ...]:
    """A rootfs.img with each file system, compressed in several ways and not at all."""
    program = filler("nmstatectl", 70_000) + random.Random(7).randbytes(20_000)
    commands = [
        ("root.squashfs", ("mksquashfs", "IN", "OUT", "-noappend", "-comp", "zstd")),
        ("root.squashfs", ("mksquashfs", "IN", "OUT", "-noappend", "-noI", "-noD", "-noF", "-noX")),
        ("root.erofs", ("mkfs.erofs", "-zlz4hc", "-C65536", "-Eztailpacking", "OUT", "IN")),
        ("root.erofs", ("mkfs.erofs", "-zlz4hc", "-Elegacy-compress", "OUT", "IN")),
        ("root.erofs", ("mkfs.erofs", "OUT", "IN")),
    ]
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "root"
        for name, content in (("a/usr/bin/nmstatectl", program), ("etc/x", b"x")):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        return tuple(
            _rootfs_seed(name, command, root, Path(directory) / str(number))
            for number, (name, command) in enumerate(commands)
        )


def _rootfs_seed(name: str, command: tuple[str, ...], root: Path, target: Path) -> Seed:
    paths = {"IN": str(root), "OUT": str(target)}
    subprocess.run([paths.get(word, word) for word in command], capture_output=True, check=True)
    content = cpio.archive(name, target.read_bytes(), 0o100644)
    end = len(content)
    start = 110 + len(name) + 1
    if name == "root.erofs":
        return Seed(content, (Extent(0, 110), Extent(start + 1024, 11 << 10)))
    # The superblock; and behind the data inodes, directories and tables.
    return Seed(content, (Extent(0, 110), Extent(start, 96), Extent(end - 1500, 1400)))


def changed_numbers(data: st.DataObject) -> None:
    """Sizes, places and counts of all magnitudes where the format has them, or anywhere near."""
    look_at_iso(_changed(data, data.draw(st.sampled_from(iso_seeds()))))


def cut_off(data: st.DataObject) -> None:
    """The image ends somewhere."""
    content = data.draw(st.sampled_from(iso_seeds())).content
    length = st.one_of(st.integers(0, len(content)), st.integers(0, len(content) // BLOCK))
    look_at_iso(content[: data.draw(length)])


def other_json(data: st.DataObject) -> None:
    """igninfo.json or kargs.json with wrong types, with offsets and names that lead elsewhere."""
    seed = data.draw(st.sampled_from(iso_seeds()[:2]))
    number = st.one_of(
        st.integers(-5, 5),
        st.integers(-(1 << 70), 1 << 70),
        st.integers(0, 1 << 20),
        st.sampled_from([1 << 31, 1 << 32, 1 << 63, -1]),
    )
    path = st.sampled_from(
        [
            *("images/ignition.img", "images/cdboot.img", "images/pxeboot/rootfs.img", "images"),
            *("EFI/redhat/grub.cfg", "isolinux/isolinux.cfg", "coreos/kargs.json"),
            *("coreos/igninfo.json", "../etc/passwd", "/images/ignition.img", ""),
            *("images/../images/ignition.img", "a" * 300),
        ]
    )
    anything = st.one_of(st.none(), st.booleans(), number, path, st.floats(), st.lists(number))
    character = st.sampled_from(["#", "\n", "\0", "", "##", "é", "\ud800"])
    file = st.fixed_dictionaries(
        {"path": st.one_of(path, anything), "offset": st.one_of(number, anything)},
        optional={"end": st.one_of(character, anything), "pad": st.one_of(character, anything)},
    )
    kargs = st.fixed_dictionaries(
        {
            "default": anything,
            "files": st.one_of(st.lists(file, max_size=4), anything),
            "size": st.one_of(number, anything),
        }
    )
    igninfo = st.fixed_dictionaries(
        {"file": st.one_of(path, anything)},
        optional={"offset": st.one_of(number, anything), "length": st.one_of(number, anything)},
    )
    name, kind = data.draw(
        st.sampled_from([(b'{"default"', kargs), (b'{"file"', igninfo), (b'{"file"', anything)])
    )
    raw = json.dumps(data.draw(kind)).encode()[:_JSON_ROOM].ljust(_JSON_ROOM)
    content = bytearray(seed.content)
    at = content.index(name)
    content[at : at + _JSON_ROOM] = raw
    look_at_iso(bytes(content))


def changed_rootfs(data: st.DataObject) -> None:
    """A file system that the program for nmstate is looked for in."""
    content = _changed(data, data.draw(st.sampled_from(rootfs_seeds())))
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    try:
        nmstate_archive(Watched(content), (Extent(0, len(content)),))
    except IsoError as problem:
        _check_reason(problem)


CASES: tuple[Case, ...] = (changed_numbers, cut_off, other_json, changed_rootfs)


def _changed(data: st.DataObject, seed: Seed) -> bytes:
    content = bytearray(seed.content)
    for _ in range(data.draw(st.integers(1, 6))):
        extent = data.draw(st.sampled_from(seed.places))
        kind = data.draw(st.sampled_from(["<B", "<H", "<I", ">I", "<Q", "both"]))
        width = 8 if kind == "both" else struct.calcsize(kind)
        place = extent.offset + data.draw(st.integers(0, max(extent.length - width, 0)))
        bits = 32 if kind == "both" else width * 8
        number = data.draw(st.one_of(st.integers(0, 64), st.integers(0, (1 << bits) - 1)))
        if kind == "both":
            raw = number.to_bytes(4, "little") + number.to_bytes(4, "big")
        else:
            raw = struct.pack(kind, number)
        content[place : place + width] = raw[: max(len(content) - place, 0)]
    return bytes(content)


def look_at_iso(content: bytes) -> None:
    """
    All that the service does with an image, up to the bytes that it would send.

    @raise AssertionError: something reaches outside the image.
    """
    file = Watched(content)
    source = ContentSource()
    image = Representation.of(FileSegment(source, 0, len(content)))
    try:
        layout = read_layout(file)
        list(Volume(file).directories())
        check_os_image(layout, len(content), 1, 1)
    except IsoError as problem:
        _check_reason(problem)
        return
    for made in _composed(image, layout):
        _check_inside(made, content)
    try:
        built = build_minimal_iso(file, source, "http://x/y", None)
    except IsoError as problem:
        _check_reason(problem)
        return
    _check_inside(built.image, content)
    for made in _composed(built.image, built.layout):
        _check_inside(made, content)


def _composed(image: Representation, layout: Layout) -> Iterator[Representation]:
    for configuration in _CONFIGURATIONS:
        try:
            yield discovery_iso(image, layout, configuration)
        except (IsoError, AreaOverflow, BadKernelArgument, NoKernelArgumentArea) as problem:
            _check_reason(problem)
    try:
        initrd = pxe_initrd(image, layout, _CONFIGURATIONS[0], None)
        yield initrd
        yield initrd_addrsize(layout, initrd.length)
    except IsoError as problem:
        _check_reason(problem)


def _check_inside(representation: Representation, content: bytes) -> None:
    for segment in representation:
        if isinstance(segment, FileSegment):
            assert 0 <= segment.offset <= segment.offset + segment.length <= len(content), segment


def _check_reason(problem: Exception) -> None:
    assert str(problem), f"{problem!r} tells no reason"
