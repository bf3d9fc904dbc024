"""One member of a layer, however the layer is written, compressed and cut."""

from __future__ import annotations

import io
import tarfile

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.oci.compression import PIECE, Compression
from assisted_images.oci.layers import MemberReader, Presence
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

FORMATS = st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
COMPRESSIONS = st.sampled_from(Compression)
CUTS = st.lists(st.integers(0, 1 << 20), max_size=12)
CONTENTS = st.binary(max_size=1500) | st.integers(0, 40_000).map(bytes)
NAMES = st.sampled_from(
    ["a", "coreos/other", "etc/" + "long" * 24, "x" * 99, "y" * 100, "d/" * 40 + "z", "\u00e9"]
)
OTHERS = st.lists(st.tuples(NAMES, CONTENTS), max_size=4, unique_by=lambda item: item[0])


def written(
    others: list[tuple[str, bytes]], place: int, name: str, content: bytes, tar_format: int
) -> bytes:
    """An archive with one more member at C{place} among the others."""
    whole = [(member(other, data), data) for other, data in others]
    whole.insert(place % (len(whole) + 1), (member(name, content), content))
    return archive(whole, tar_format)


class ModelTests(SynchronousTestCase):
    """What the standard library reads of a whole archive, read of pieces."""

    @given(st.data())
    def test_reads_what_tarfile_reads(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([PATH, "n" * 100, "dir/" * 30 + "name", "u/\u00fc" * 60]))
        tar_format = data.draw(FORMATS) if len(name) < 100 else tarfile.PAX_FORMAT
        if len(name) >= 100:
            tar_format = data.draw(st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]))
        others = data.draw(OTHERS)
        if tar_format == tarfile.USTAR_FORMAT:
            others = [(other, content) for other, content in others if len(other) < 100]
        tar = written(others, data.draw(st.integers(0, 9)), name, data.draw(CONTENTS), tar_format)
        with tarfile.open(fileobj=io.BytesIO(tar)) as model:
            expected = model.extractfile(name)
            assert expected is not None
            wanted = expected.read()
        compression = data.draw(COMPRESSIONS)
        blob = compressed(tar, compression, data.draw(CUTS))
        reader, content = read(blob, data.draw(CUTS), name, compression)
        self.assertEqual(content, wanted)
        self.assertEqual((reader.state, reader.size), (Presence.FOUND, len(wanted)))

    @given(OTHERS, COMPRESSIONS, CUTS, CUTS)
    def test_absent(
        self,
        others: list[tuple[str, bytes]],
        compression: Compression,
        frames: list[int],
        cuts: list[int],
    ) -> None:
        tar = archive([(member(name, content), content) for name, content in others])
        reader, content = read(compressed(tar, compression, frames), cuts, PATH, compression)
        self.assertEqual((reader.state, reader.size, content), (Presence.ABSENT, None, b""))

    @given(st.lists(st.sampled_from("abcdefgh"), unique=True), st.integers(0, 7))
    def test_upper_layers_against_a_plain_model(self, kinds: list[str], split: int) -> None:
        """Topmost layer that has the path or removes it, as a dict of files would end up."""
        makers = {
            "a": lambda: {PATH: b"one"},
            "b": lambda: {PATH: b"two"},
            "c": lambda: {"coreos/.wh.coreos-x86_64.iso": b""},
            "d": lambda: {".wh.coreos": b""},
            "e": lambda: {"coreos/.wh..wh..opq": b""},
            "f": lambda: {".wh..wh..opq": b"", "other": b"x"},
            "g": lambda: {".wh.other": b"", "coreos/.wh.other": b"", "x/.wh..wh..opq": b""},
            "h": lambda: {".wh.coreos": b"", PATH: b"new"},
        }
        layers = [makers[kind]() for kind in kinds]
        present = None
        for layer in layers:  # the lowest first
            if set(layer) & {
                "coreos/.wh.coreos-x86_64.iso",
                ".wh.coreos",
                "coreos/.wh..wh..opq",
                ".wh..wh..opq",
            }:
                present = None
            present = layer.get(PATH, present)
        found = None
        for layer in reversed(layers):
            items = list(layer.items())
            items = items[split % len(items) :] + items[: split % len(items)]
            reader, content = read(archive((member(n, c), c) for n, c in items))
            if reader.state is not Presence.ABSENT:
                found = content if reader.state is Presence.FOUND else None
                break
        self.assertEqual(found, present)


class NameTests(SynchronousTestCase):
    """Names that are the path's, and names that are not."""

    def test_the_same_name_written_otherwise(self) -> None:
        for name in (f"./{PATH}", f"/{PATH}", f".//{PATH}", "coreos/./coreos-x86_64.iso"):
            for tar_format in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
                reader, content = read(archive([(member(name, b"x"), b"x")], tar_format))
                self.assertEqual((reader.state, content), (Presence.FOUND, b"x"), name)

    def test_whiteouts_written_otherwise(self) -> None:
        for name in ("./.wh.coreos", "/coreos/.wh..wh..opq", "./coreos//.wh.coreos-x86_64.iso"):
            self.assertIs(read(files(**{name: b""}))[0].state, Presence.WHITED_OUT)

    def test_other_names(self) -> None:
        for name in (
            f"x/{PATH}",
            f"{PATH}.sig",
            PATH.upper(),
            "coreos-x86_64.iso",
            "../" + PATH[7:],
        ):
            self.assertIs(read(files(**{name: b"x"}))[0].state, Presence.ABSENT, name)

    def test_directories_on_the_way(self) -> None:
        directory = member("coreos/", kind=tarfile.DIRTYPE)
        reader, _ = read(archive([(directory, b""), (member(PATH, b"x"), b"x")]))
        self.assertIs(reader.state, Presence.FOUND)

    def test_links_and_devices_elsewhere(self) -> None:
        """Some have a size in their headers, and none has data."""
        others = []
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = member(f"dev/{kind.decode()}", kind=kind)
            info.linkname, info.size = PATH, 4096
            others.append(info.tobuf(tarfile.USTAR_FORMAT))
        self.assertEqual(read(b"".join(others) + files(iso=b"x"))[1], b"x")

    def test_extended_attributes_elsewhere(self) -> None:
        info = member("usr/bin/newuidmap", b"program")
        info.pax_headers = {
            "SCHILY.xattr.security.capability": "\x01\udc80\x02 =\n",
            "mtime": "1.5",
        }
        self.assertEqual(read(archive([(info, b"program"), (member(PATH, b"x"), b"x")]))[1], b"x")

    def test_global_comment(self) -> None:
        """What C{git archive} writes."""
        file = io.BytesIO()
        with tarfile.open(
            fileobj=file, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "c0ffee"}
        ) as tar:
            tar.addfile(member(PATH, b"x"), io.BytesIO(b"x"))
        self.assertEqual(read(file.getvalue())[1], b"x")


class EndTests(SynchronousTestCase):
    """Where an archive ends."""

    def test_what_follows_the_end_does_not_matter(self) -> None:
        tar = files(iso=b"content")
        for compression in Compression:
            blob = compressed(tar, compression) + b"no tar, no gzip, no zstd" * 99
            self.assertEqual(read(blob, (), PATH, compression)[1], b"content")

    def test_without_end_blocks(self) -> None:
        """GNU tar warns, and reads it."""
        self.assertEqual(read(files(iso=b"x")[:1024])[1], b"x")

    def test_padded_gzip(self) -> None:
        blob = compressed(files(iso=b"x")[:1024], Compression.GZIP) + bytes(500)
        for cuts in ((), range(len(blob))):
            self.assertEqual(read(blob, cuts, PATH, Compression.GZIP)[1], b"x")

    def test_whatever_its_media_type_says(self) -> None:
        """Its bytes say how it is compressed, in whatever pieces they come."""
        tar = files(other=b"y", iso=b"content")
        skipped = b"\x53\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"any"
        blobs = {kind: compressed(tar, kind) for kind in Compression}
        for blob in (*blobs.values(), skipped + blobs[Compression.ZSTD]):
            for said in Compression:
                for cuts in ((), range(300), range(0, len(blob), 97), (3,), (256, 261, 262)):
                    self.assertEqual(read(blob, cuts, PATH, said)[1], b"content")

    def test_complete(self) -> None:
        reader = MemberReader(PATH, Compression.NONE, MOST)
        blob = files(iso=bytes(1000), other=b"x")
        states = []
        for piece in pieces(blob, (512, 1511, 1512)):
            self.assertLessEqual(sum(map(len, reader.feed(piece))), 1000)
            states.append((reader.state, reader.size, reader.complete))
        found = (Presence.FOUND, 1000)
        self.assertEqual(states, [(*found, False), (*found, False), (*found, True), (*found, True)])

    def test_empty_file(self) -> None:
        reader, content = read(files(iso=b""))
        self.assertEqual((reader.size, reader.complete, content), (0, True, b""))


class MemoryTests(SynchronousTestCase):
    """However much a layer makes of itself, pieces are small."""

    def test_pieces(self) -> None:
        content = bytes(MOST)
        for compression in (Compression.GZIP, Compression.ZSTD):
            blob = compressed(files(other=bytes(5 << 20), iso=content, more=content), compression)
            self.assertLess(len(blob), 40_000)
            reader = MemberReader(PATH, compression, MOST)
            sizes = [len(piece) for piece in reader.feed(blob)]
            reader.end()
            self.assertEqual(sum(sizes), MOST)
            self.assertLessEqual(max(sizes), PIECE)
