"""What the boot configurations of a minimal ISO say."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.iso9660.errors import IsoError
from assisted_images.live.boot_configuration import (
    Edit,
    EditedText,
    for_minimal_iso,
    rootfs_argument,
    without_live_iso,
)
from tests.properties import given

URL = "https://images.example:8080/x/boot-artifacts/rootfs?arch=x86_64&version=418.94"
ARGUMENT = f'coreos.live.rootfs_url="{URL}"'

GRUB = b"""menuentry 'RHEL CoreOS (Live)' {
\tlinux /images/pxeboot/vmlinuz one coreos.liveiso=rhcos-4 two
####
# COREOS_KARG_EMBED_AREA
\tinitrd /images/pxeboot/initrd.img /images/ignition.img
}
menuentry 'another' {
\tlinux /other coreos.liveiso=rhcos-4
\tinitrd /other
}
"""
ISOLINUX = b"""label linux
  kernel /images/pxeboot/vmlinuz
  append initrd=/images/pxeboot/initrd.img,/images/ignition.img coreos.liveiso=rhcos-4 two
####
# COREOS_KARG_EMBED_AREA
label other
  append initrd=/other coreos.liveiso=rhcos-4
"""


def edited(path: str, text: bytes, *initrds: str) -> EditedText:
    result = for_minimal_iso(path, text, URL, initrds)
    assert result is not None
    return result


class TextTests(SynchronousTestCase):
    """The first kernel line changes, and its initrd; every other byte stays."""

    def test_grub(self) -> None:
        expected = GRUB.replace(
            b"one coreos.liveiso=rhcos-4 two", b"one two " + ARGUMENT.encode(), 1
        ).replace(b"ignition.img\n}", b"ignition.img /images/a.img /images/b.img\n}", 1)
        result = edited("/EFI/redhat/grub.cfg", GRUB, "/images/a.img", "/images/b.img")
        self.assertEqual(result.content, expected)

    def test_isolinux(self) -> None:
        expected = ISOLINUX.replace(
            b"ignition.img coreos.liveiso=rhcos-4 two",
            b"ignition.img,/images/a.img,/images/b.img two " + ARGUMENT.encode(),
            1,
        )
        result = edited("/isolinux/isolinux.cfg", ISOLINUX, "/images/a.img", "/images/b.img")
        self.assertEqual(result.content, expected)

    def test_blanks_and_line_ends(self) -> None:
        """Blanks at a line's end stay behind what is added to it."""
        text = b"linux /k a \t\ninitrd /i \r\n"
        self.assertEqual(
            edited("grub.cfg", text, "/a").content,
            b"linux /k a " + ARGUMENT.encode() + b" \t\ninitrd /i /a \r\n",
        )

    def test_no_kernel(self) -> None:
        self.assertIsNone(for_minimal_iso("/grub.cfg", b"linuxefi /k\nset timeout=1\n", URL, []))

    def test_no_initrd(self) -> None:
        for path, text in (("/grub.cfg", b"linux /k a\n"), ("/isolinux.cfg", b"append a\n")):
            with self.assertRaisesRegex(IsoError, "boots a kernel without an initrd"):
                for_minimal_iso(path, text, URL, [])

    def test_arguments(self) -> None:
        """kargs.json's default is edited as the kernel line is."""
        for before in ("one coreos.liveiso=x two", "coreos.liveiso=x one two", "one two"):
            self.assertEqual(without_live_iso(before, URL), f"one two {ARGUMENT}")
        self.assertEqual(without_live_iso("coreos.liveiso=x", URL), ARGUMENT)


class UrlTests(SynchronousTestCase):
    """What GRUB or isolinux would interpret is refused, and a query string is not shown."""

    def test_refused(self) -> None:
        for bad in ("$", "\\", '"', " ", "\n", "\0", "ä", "\x7f"):
            with self.assertRaisesRegex(IsoError, "contains") as caught:
                rootfs_argument(f"http://host/rootfs?token=secret{bad}")
            self.assertNotIn("secret", str(caught.exception))

    def test_accepted(self) -> None:
        url = "http://[::1]:8080/a-b_c.d~e/f?g=h&i=%20+,;:@!'()*#j"
        self.assertIn(url, rootfs_argument(url))


@st.composite
def texts(draw: st.DrawFn) -> tuple[bytes, list[Edit]]:
    original = draw(st.binary(max_size=40))
    cuts = sorted(draw(st.lists(st.integers(0, len(original)), max_size=6, unique=True)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    return original, [
        Edit(first, last - first, draw(st.binary(max_size=5))) for first, last in pairs
    ]


class EditedTextTests(SynchronousTestCase):
    """Edits against plain replacement, from the back."""

    @given(texts())
    def test_content(self, case: tuple[bytes, list[Edit]]) -> None:
        original, edits = case
        expected = original
        for edit in reversed(edits):
            end = edit.position + edit.removed
            expected = expected[: edit.position] + edit.inserted + expected[end:]
        self.assertEqual(EditedText.of(original, edits).content, expected)

    @given(texts())
    def test_moved(self, case: tuple[bytes, list[Edit]]) -> None:
        """A byte that stayed is where C{moved} says."""
        original, edits = case
        text = EditedText.of(original, edits)
        gone = {
            place for edit in edits for place in range(edit.position, edit.position + edit.removed)
        }
        for offset in range(len(original)):
            if offset not in gone:
                self.assertEqual(text.content[text.moved(offset)], original[offset])
