"""Layers that are damaged or hostile: told clearly, read within bounds."""

from __future__ import annotations

import io
import struct
import tarfile
import tracemalloc
from collections.abc import Iterator
from random import Random

import zstandard
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.oci.compression import PIECE, Compression
from assisted_images.oci.layers import LayerError, MemberReader, Presence
from tests.assisted_images.oci.archives import (
    MOST,
    PATH,
    archive,
    compressed,
    files,
    member,
    pieces,
    read,
)
from tests.properties import given


def patched(block: bytes, changes: dict[int, bytes]) -> bytes:
    """A header with bytes changed and its checksum made right."""
    raw = bytearray(block)
    for place, content in changes.items():
        raw[place : place + len(content)] = content
    raw[148:156] = b" " * 8
    raw[148:156] = f"{sum(raw):06o}\0 ".encode()
    return bytes(raw)


def pax(**records: str) -> bytes:
    """A pax header, without the member that it is for; C{__} stands for a dot."""
    info = member("x")
    info.pax_headers = {key.replace("__", "."): value for key, value in records.items()}
    return info.tobuf(tarfile.PAX_FORMAT)[:-512]


def raw_pax(content: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    """A pax header with this content, right or wrong."""
    return member("pax", content, kind).tobuf(tarfile.USTAR_FORMAT) + content.ljust(512, b"\0")


class WrongLayerTests(SynchronousTestCase):
    """Each thing wrong is told in a sentence with what was expected."""

    def refusal(self, blob: bytes, compression: Compression = Compression.NONE) -> str:
        texts = set()
        for cuts in ((), range(0, len(blob), 100)):
            with self.assertRaises(LayerError) as caught:
                read(blob, cuts, PATH, compression)
            texts.add(str(caught.exception))
        (text,) = texts
        self.assertIn("expected", text)
        self.assertTrue(text.isprintable(), text)
        return text

    def test_links(self) -> None:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            info = member(PATH, kind=kind)
            info.linkname = "../../etc/shadow"
            self.assertEqual(
                self.refusal(archive([(info, b"")])),
                f"{PATH} in the layer is a link; expected a regular file",
            )

    def test_other_kinds(self) -> None:
        for kind, told in (
            (tarfile.DIRTYPE, "is a directory; expected a regular file"),
            (tarfile.CHRTYPE, "is a special file; expected a regular file"),
            (b"Z", "is a special file; expected a regular file"),
        ):
            self.assertIn(told, self.refusal(archive([(member(PATH, kind=kind), b"")])))

    def test_link_in_place_of_a_directory(self) -> None:
        """What is below in lower layers is no longer there."""
        info = member("coreos", kind=tarfile.SYMTYPE)
        info.linkname = "/etc"
        self.assertEqual(
            self.refusal(archive([(info, b"")])),
            f"'coreos' in the layer is a link; expected a directory, with {PATH} in it",
        )

    def test_dots(self) -> None:
        for name in (f"../{PATH}", "a/../" + PATH, f"coreos/x/../../{PATH}", "coreos/../" + PATH):
            self.assertIn(
                f"the layer calls {PATH} {name!r}; expected a name without ..",
                self.refusal(files(**{name: b"x"})),
            )

    def test_twice(self) -> None:
        tar = archive([(member(PATH, b"1"), b"1"), (member(f"./{PATH}", b"2"), b"2")])
        self.assertIn("twice; expected it once", self.refusal(tar))

    def test_too_large(self) -> None:
        content = bytes(MOST + 1)
        self.assertIn(
            f"has {MOST + 1} bytes; expected at most {MOST}", self.refusal(files(iso=content))
        )

    def test_absurd_sizes(self) -> None:
        """In base 256 a header may give any number, less than nothing too."""
        block = member(PATH).tobuf(tarfile.GNU_FORMAT)[:512]
        for size in (b"\x80" + b"\x7f" * 11, b"\x80" + b"\0" * 3 + b"\x80" + b"\0" * 7):
            self.assertIn("bytes; expected 0 to", self.refusal(patched(block, {124: size})))
        self.assertIn(
            "of -1 bytes; expected 0 to", self.refusal(patched(block, {124: b"\xff" * 12}))
        )
        for kind in b"LKx":
            extension = patched(block, {124: b"\xff" * 12, 156: bytes([kind])})
            self.assertIn("a tar extension of -1 bytes", self.refusal(extension))
            extension = patched(block, {124: b"00004000001\0", 156: bytes([kind])})
            self.assertIn("extension of 1048577 bytes; expected at most", self.refusal(extension))

    def test_pax_sizes(self) -> None:
        block = member(PATH, b"12345").tobuf(tarfile.PAX_FORMAT)
        self.assertEqual(read(pax(size="3") + block + b"abc" + bytes(509))[1], b"abc")
        for size in ("-1", "1e9", "\u0663", "9" * 20, "", " 5", "0x5"):
            told = self.refusal(pax(size=size) + block)
            self.assertIn("expected a decimal number of at most 19 digits", told)
        self.assertIn("expected 0 to", self.refusal(pax(size="9" * 19) + block))

    def test_damaged_pax(self) -> None:
        too_long = b"99999999999999999999 a=b\n"
        no_length = [b"x a=b\n", b"-6 a=b\n", b"6 a=b\n x", too_long]
        for content in (
            b"5 a=b\n",
            b"7 a=b\n",
            b"6 abc\n",
            b"6 a=bc",
            b"5 =b\n",
            b"0 a=b\n",
            *no_length,
        ):
            self.assertIn("the layer has a", self.refusal(raw_pax(content) + files(iso=b"x")))

    def test_global_names(self) -> None:
        for record in (
            b"30 path=coreos/coreos-x86.iso\n",
            b"9 size=5\n",
            b"22 GNU.sparse.major=1\n",
        ):
            told = self.refusal(raw_pax(record, tarfile.XGLTYPE) + files(iso=b"x"))
            self.assertIn("a global pax header with a name or a size", told)

    def test_sparse_files(self) -> None:
        """Their data in the archive is not their content; elsewhere they are passed over."""
        plain = files(iso=b"x")
        block = member(PATH, b"x").tobuf(tarfile.GNU_FORMAT)[:512]
        name = b"elsewhere".ljust(100, b"\0")
        more = bytes(504) + b"\1" + bytes(7) + bytes(512)
        for changes, extension in (({}, b""), ({482: b"\1"}, more)):
            sparse = patched(block, {156: b"S", **changes})
            told = "is a sparse file; expected a regular file"
            self.assertIn(told, self.refusal(sparse + extension + bytes(512)))
            elsewhere = patched(sparse, {0: name}) + extension + bytes(512)
            self.assertEqual(read(elsewhere + plain)[1], b"x")
        for records in (
            {"GNU__sparse__major": "1", "GNU__sparse__name": PATH},
            {"GNU__sparse__size": "5", "path": PATH},
        ):
            header = pax(**records)
            self.assertIn(told, self.refusal(header + patched(block, {0: name}) + bytes(512)))

    def test_truncated(self) -> None:
        tar = files(other=bytes(700), iso=b"content" * 200)
        end = 512 + 1024 + 512 + 1536
        for length in (1, 511, 513, 600, 1500, 1600, 2100, end - 200, end - 1):
            self.assertIn("ends within its tar archive", self.refusal(tar[:length]))
        for length in (512 + 1024, end, end + 512):
            read(tar[:length])
        self.assertIn("ends within its tar archive", self.refusal(pax(comment="x")))
        for compression in (Compression.GZIP, Compression.ZSTD):
            blob = compressed(tar[:end], compression)
            for length in (0, 5, len(blob) // 2, len(blob) - 1):
                self.assertIn(
                    f"ends within its {compression.value} stream",
                    self.refusal(blob[:length], compression),
                )

    def test_neither_what_its_media_type_says_nor_else(self) -> None:
        random = Random(1).randbytes(2000)
        for blob, compression, told in (
            (random, Compression.NONE, "damaged tar header"),
            (random, Compression.GZIP, "the layer is no sound gzip: "),
            (random[:100], Compression.GZIP, "the layer is no sound gzip: "),
            (random, Compression.ZSTD, "the layer is no sound zstd: "),
            (random[:3], Compression.ZSTD, "the layer is no sound zstd: "),
            (b"\x28\xb5\x2f", Compression.ZSTD, "ends within its zstd stream"),
            (random[:3], Compression.NONE, "ends within its tar archive"),
            (b"BZh9" + random, Compression.GZIP, "the layer is no sound gzip: "),
            (compressed(random, Compression.GZIP), Compression.NONE, "damaged tar header"),
            (compressed(b"no tar" * 100, Compression.GZIP), Compression.GZIP, "damaged tar header"),
        ):
            self.assertIn(told, self.refusal(blob, compression))

    def test_window_that_takes_too_much_memory(self) -> None:
        parameters = zstandard.ZstdCompressionParameters(window_log=28, compression_level=1)
        stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        blob = stream.compress(files(iso=b"x")) + stream.flush()
        self.assertIn("no sound zstd: ", self.refusal(blob, Compression.ZSTD))


class BoundTests(SynchronousTestCase):
    """Memory and time are bounded, whatever a layer says."""

    def test_memory_of_bombs(self) -> None:
        """256 MiB in eight kilobytes of zstd, and 100 MiB in half a megabyte of gzip."""
        frame = b"\x28\xb5\x2f\xfd\x00\x58"  # with a window of 2 MiB
        rle = struct.pack("<I", (128 << 10 << 3) | 2)[:3] + b"\1"
        header = patched(
            member("x").tobuf(tarfile.GNU_FORMAT)[:512],
            {124: b"\x80" + b"\0" * 6 + b"\1" + b"\0" * 4},
        )
        frames = zstandard.compress(header) + frame + rle * (1 << 11)
        gzipped = compressed(
            archive([(member("x", bytes(100 << 20)), bytes(100 << 20))]), Compression.GZIP
        )
        for blob, compression in ((frames, Compression.ZSTD), (gzipped, Compression.GZIP)):
            self.assertLess(len(blob), 600_000)
            reader = MemberReader(PATH, compression, MOST)
            tracemalloc.start()
            try:
                for piece in pieces(blob, range(0, len(blob), 1 << 16)):
                    self.assertEqual(list(reader.feed(piece)), [])
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            self.assertLess(peak, 16 * PIECE)

    @given(st.data())
    def test_changed_headers(self, data: st.DataObject) -> None:
        """Only the module's own error comes out, as one line; what is given is within the size."""
        tar = bytearray(data.draw(st.sampled_from(list(_samples()))))
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(0, len(tar) - 1))
            other = data.draw(st.binary(min_size=1, max_size=12))
            tar[place : place + len(other)] = other
        if data.draw(st.booleans()):
            start = data.draw(st.integers(0, len(tar) // 512 - 1)) * 512
            tar[start : start + 512] = patched(bytes(tar[start : start + 512]), {})
        compression = data.draw(st.sampled_from(Compression))
        blob = bytearray(compressed(bytes(tar), compression))
        if data.draw(st.booleans()):
            blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
        reader = MemberReader(PATH, compression, MOST)
        received = 0
        try:
            for piece in pieces(bytes(blob), data.draw(st.lists(st.integers(0, 1 << 14)))):
                for content in reader.feed(piece):
                    self.assertTrue(0 < len(content) <= max(PIECE, len(blob)))
                    received += len(content)
            reader.end()
        except LayerError as error:
            self.assertTrue(str(error).isprintable(), str(error))
            self.assertLess(len(str(error)), 500)
        self.assertLessEqual(received, reader.size or 0)
        if reader.state is Presence.FOUND:
            assert reader.size is not None
            self.assertLessEqual(reader.size, MOST)

    @given(st.binary(max_size=3000), st.sampled_from(Compression))
    def test_any_bytes(self, blob: bytes, compression: Compression) -> None:
        try:
            read(blob, (100, 1000), PATH, compression)
        except LayerError as error:
            self.assertTrue(str(error).isprintable(), str(error))


def _samples() -> Iterator[bytes]:
    """Archives with all that a header may have."""
    content = b"content" * 100
    link = member("coreos/link", kind=tarfile.SYMTYPE)
    link.linkname = "l" * 150
    special = member("s" * 120, b"x")
    special.pax_headers = {"GNU.sparse.major": "1", "SCHILY.xattr.user.x": "y"}
    members = [
        (member("coreos", kind=tarfile.DIRTYPE), b""),
        (link, b""),
        (member(".wh.x"), b""),
        (member(PATH, content), content),
        (special, b"x"),
    ]
    for tar_format in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        yield archive(members, tar_format).rstrip(b"\0") + bytes(1024)
    yield io.BytesIO(files(iso=content)).read(2048)
