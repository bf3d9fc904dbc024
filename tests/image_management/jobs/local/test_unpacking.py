"""Recipes that strangers have made: what an attacker may try with their archives."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from image_management.jobs.local.unpacking import BadArchive, Bounds, unpack

Add = Callable[..., None]


class UnpackingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.top = Path(self.mktemp()).resolve()
        self.folder = self.top / "folder"
        self.folder.mkdir(parents=True)

    def unpack(self, *members: tuple[str, dict[str, object]], mode: str = "w:gz") -> None:
        """Unpack an archive of these members; what they are like is as C{TarInfo} has it."""
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode=mode) as tar:  # type: ignore[call-overload]
            for name, more in members:
                member = tarfile.TarInfo(name)
                content = more.pop("content", b"")
                assert isinstance(content, bytes)
                member.size, member.mode = len(content), 0o644
                for attribute, value in more.items():
                    setattr(member, attribute, value)
                tar.addfile(member, io.BytesIO(content))
        data.seek(0)
        self.unpack_file(data)

    def unpack_file(self, file: io.BytesIO, bounds: Bounds | None = None) -> None:
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            unpack(file, folder, bounds or Bounds())
        finally:
            os.close(folder)

    def refused(self, *members: tuple[str, dict[str, object]]) -> str:
        with self.assertRaises(BadArchive) as refused:
            self.unpack(*members)
        return str(refused.exception)

    def outside(self) -> list[Path]:
        return [one for one in self.top.rglob("*") if not one.is_relative_to(self.folder)]

    def test_whole(self) -> None:
        for mode in ("w", "w:gz", "w:bz2", "w:xz"):
            self.unpack(
                ("./", {"type": tarfile.DIRTYPE, "mode": 0o755}),
                ("./config.xml", {"content": b"<image/>"}),
                ("./config.sh", {"content": b"#!/bin/sh", "mode": 0o755}),
                ("./a/b/c", {"content": b"deep"}),
                ("./hosts", {"type": tarfile.SYMTYPE, "linkname": "/etc/hosts"}),
                ("./same", {"type": tarfile.LNKTYPE, "linkname": "./a/b/c"}),
                mode=mode,
            )
            self.assertEqual((self.folder / "config.xml").read_text(), "<image/>")
            self.assertEqual((self.folder / "a/b/c").read_text(), "deep")
            self.assertEqual((self.folder / "same").read_text(), "deep")
            self.assertEqual((self.folder / "hosts").readlink(), Path("/etc/hosts"))
            mode_of_script = stat.S_IMODE((self.folder / "config.sh").stat().st_mode)
            self.assertTrue(mode_of_script & 0o100)

    def test_names(self) -> None:
        for name in ("../x", "a/../../x", "/x", "//x", "a/..", ".."):
            self.assertIn(repr(name), self.refused((name, {"content": b"x"})))
        self.assertEqual(self.outside(), [])

    def test_through_links(self) -> None:
        for target in ("..", "/tmp", "../folder", "."):
            with self.subTest(target):
                self.setUp()
                text = self.refused(
                    ("link", {"type": tarfile.SYMTYPE, "linkname": target}),
                    ("link/x", {"content": b"x"}),
                )
                self.assertIn("'link/x'", text)
                self.assertEqual(self.outside(), [])

    def test_over_links(self) -> None:
        """A member with the name of a link takes its place, and leaves alone what it leads to."""
        victim = self.top / "victim"
        victim.write_text("as it was")
        self.unpack(
            ("x", {"type": tarfile.SYMTYPE, "linkname": str(victim)}),
            ("x", {"content": b"new"}),
        )
        self.assertEqual(victim.read_text(), "as it was")
        self.assertEqual((self.folder / "x").read_text(), "new")

    def test_hard_links(self) -> None:
        (self.top / "victim").write_text("secret")
        for target in ("../victim", "/etc/passwd", "nothing", "link", "link/passwd", ""):
            text = self.refused(
                ("link", {"type": tarfile.SYMTYPE, "linkname": "/etc"}),
                ("x", {"type": tarfile.LNKTYPE, "linkname": target}),
            )
            self.assertIn("'x'", text)
        self.assertFalse((self.folder / "x").exists())

    def test_special(self) -> None:
        for kind in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE):
            self.assertIn("'x'", self.refused(("x", {"type": kind, "devmajor": 1})))
        for mode in (0o4755, 0o2755):
            self.assertIn("setuid", self.refused(("x", {"content": b"x", "mode": mode})))

    def test_too_many(self) -> None:
        with self.assertRaises(BadArchive) as refused:
            self.unpack_file(_archive(("a", "b", "c")), Bounds(members=2))
        self.assertIn("2 members", str(refused.exception))

    def test_too_large(self) -> None:
        """Counted as it comes out, whatever the archive says of it."""
        with self.assertRaises(BadArchive) as refused:
            self.unpack_file(_archive(("a", "b"), b"0" * 1000), Bounds(size=1500))
        self.assertIn("'b'", str(refused.exception))
        self.assertLessEqual(sum(one.stat().st_size for one in self.folder.iterdir()), 1500)

    def test_zeros_that_are_not_there(self) -> None:
        """A tera-byte that the archive only says that it has: a sparse file."""
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
            member = tarfile.TarInfo("zeros")
            size = str(10**12)
            member.pax_headers = {"GNU.sparse.size": size, "GNU.sparse.map": f"{size},0"}
            tar.addfile(member)
        data.seek(0)
        with self.assertRaises(BadArchive) as refused:
            self.unpack_file(data, Bounds(size=1500))
        self.assertIn("'zeros': the archive holds more", str(refused.exception))
        self.assertEqual((self.folder / "zeros").stat().st_size, 0)

    def test_no_archive(self) -> None:
        whole = _archive(("a",), os.urandom(10_000)).getvalue()
        for data in (b"", b"nothing of the kind", b"\x1f\x8b" + b"x" * 100, whole[:6000]):
            with self.assertRaises(BadArchive):
                self.unpack_file(io.BytesIO(data))


def _archive(names: Iterator[str] | tuple[str, ...], content: bytes = b"") -> io.BytesIO:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    data.seek(0)
    return data
