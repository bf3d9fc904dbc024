"""newc archives against the cpio program and against what went in."""

from __future__ import annotations

import gzip
import io
import subprocess
import tempfile
from pathlib import Path

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.rootfs import cpio
from assisted_images.values import Extent
from tests.properties import given, settings

names = st.text(
    st.characters(codec="utf-8", exclude_characters="\0/\n", exclude_categories=["Cs", "Cc"]),
    min_size=1,
    max_size=40,
).filter(lambda name: name not in (".", "..", "TRAILER!!!"))
modes = st.sampled_from([0o100644, 0o100755, 0o100600])


def with_cpio(directory: Path, *arguments: str, stdin: bytes) -> bytes:
    done = subprocess.run(
        ["cpio", "--quiet", *arguments], cwd=directory, input=stdin, capture_output=True, check=True
    )
    return done.stdout


class ArchiveTests(SynchronousTestCase):
    """What is written can be read, here and by the cpio program."""

    @given(names, st.binary(max_size=50), modes, st.integers(0, 9))
    def test_members_reads_what_archive_writes(
        self, name: str, content: bytes, mode: int, offset: int
    ) -> None:
        """Wherever the archive lies in the file: alignment counts from its own start."""
        raw = cpio.archive(name, content, mode)
        file = io.BytesIO(bytes(offset) + raw)
        (member,) = cpio.members(file, Extent(offset, len(raw)))
        self.assertEqual((member.name, member.mode), (name, mode))
        place = member.content
        self.assertEqual(file.getvalue()[place.offset : place.end], content)
        self.assertEqual(len(raw) % 4, 0)

    @settings(max_examples=10)
    @given(st.binary(max_size=5000), modes)
    def test_the_cpio_program_unpacks_it(self, content: bytes, mode: int) -> None:
        with tempfile.TemporaryDirectory() as temporary:
            directory = Path(temporary)
            with_cpio(directory, "-i", stdin=cpio.archive("config.ign", content, mode))
            unpacked = directory / "config.ign"
            self.assertEqual(unpacked.read_bytes(), content)
            self.assertEqual(unpacked.stat().st_mode, mode)

    @settings(max_examples=10)
    @given(st.dictionaries(st.from_regex(r"[a-z]{1,9}", fullmatch=True), st.binary(max_size=900)))
    def test_members_reads_what_the_cpio_program_packs(self, files: dict[str, bytes]) -> None:
        with tempfile.TemporaryDirectory() as temporary:
            directory = Path(temporary)
            for name, content in files.items():
                (directory / name).write_bytes(content)
            listing = "".join(f"{name}\n" for name in files).encode()
            raw = with_cpio(directory, "-o", "-H", "newc", stdin=listing)
        found = {
            member.name: raw[member.content.offset : member.content.end]
            for member in cpio.members(io.BytesIO(raw), Extent(0, len(raw)))
        }
        self.assertEqual(found, files)

    @given(st.binary(max_size=300))
    def test_gzipped_is_deterministic_and_padded(self, content: bytes) -> None:
        one = cpio.gzipped("config.ign", content, 0o100644)
        self.assertEqual(one, cpio.gzipped("config.ign", content, 0o100644))
        self.assertEqual(len(one) % 4, 0)
        self.assertEqual(one[4:8], bytes(4), "a time is in the gzip header")
        # gzip takes zeros behind its stream for padding, as the kernel does
        self.assertEqual(gzip.decompress(one), cpio.archive("config.ign", content, 0o100644))


class DamagedArchiveTests(SynchronousTestCase):
    """An archive that cannot be read is a clear error."""

    good = cpio.archive("root.squashfs", b"content", 0o100644)

    def check(self, raw: bytes, reason: str) -> None:
        with self.assertRaisesRegex(cpio.CpioError, reason):
            list(cpio.members(io.BytesIO(raw), Extent(0, len(raw))))

    def test_not_an_archive(self) -> None:
        self.check(b"\x1f\x8b" + bytes(200), r"no cpio header \(newc\) at byte 0")

    def test_not_hexadecimal(self) -> None:
        self.check(self.good[:6] + b"x" * 8 + self.good[14:], "not hexadecimal")

    def test_absurd_name(self) -> None:
        self.check(self.good[:94] + b"FFFFFFFF" + self.good[102:], "a name of 4294967295 bytes")

    def test_content_behind_the_end(self) -> None:
        self.check(
            self.good[:54] + b"7FFFFFFF" + self.good[62:], "'root.squashfs' has 2147483647 bytes"
        )

    @given(st.integers(0, len(good) - 4))  # behind that is only padding
    def test_cut_off_anywhere(self, length: int) -> None:
        with self.assertRaises(cpio.CpioError):
            list(cpio.members(io.BytesIO(self.good[:length]), Extent(0, length)))

    def test_no_end_of_members(self) -> None:
        one = cpio.archive("a", b"", 0)[:112]
        self.check(one * 10_001, "more than 10000 members")

    @given(st.binary(max_size=300))
    def test_any_bytes(self, raw: bytes) -> None:
        with self.assertRaises(cpio.CpioError):
            list(cpio.members(io.BytesIO(b"070701" + raw), Extent(0, len(raw) + 6)))
