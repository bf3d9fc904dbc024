"""The kernel-argument area against a model of plain strings."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.live.kargs import AreaOverflow, BadKernelArgument, KernelArgumentArea
from tests.properties import given

argument = st.text(
    st.characters(codec="utf-8", exclude_characters="\n\0#"), min_size=1, max_size=12
)


class AppendedTests(SynchronousTestCase):
    """The area is what it held, a space, the new arguments, the end and padding; nothing else."""

    @given(st.lists(argument).map(" ".join), st.lists(argument, min_size=1), st.integers(0, 300))
    def test_model(self, current: str, arguments: list[str], size: int) -> None:
        area = KernelArgumentArea((100,), current, size)
        expected = f"{current} {' '.join(arguments)}\n".encode()
        if len(expected) > size:
            with self.assertRaisesRegex(
                AreaOverflow, f"{len(expected)} bytes do not fit into an area of {size}"
            ):
                area.appended(arguments)
            return
        self.assertEqual(area.appended(arguments), expected + b"#" * (size - len(expected)))

    @given(st.lists(argument, max_size=3).map(" ".join), st.lists(argument, min_size=1, max_size=3))
    def test_read_back(self, current: str, arguments: list[str]) -> None:
        """What was written is found again, with either kind of padding."""
        for end, pad in (("\n", "#"), ("\0", "\0")):
            area = KernelArgumentArea((0,), current, 500, end, pad)
            found = KernelArgumentArea.arguments_in(area.appended(arguments), end, pad)
            self.assertEqual(found, " ".join([current, *arguments]))

    def test_exactly_full(self) -> None:
        """The byte that ends the arguments needs room too."""
        self.assertEqual(KernelArgumentArea((0,), "a", 4).appended(["b"]), b"a b\n")
        with self.assertRaises(AreaOverflow):
            KernelArgumentArea((0,), "a", 3).appended(["b"])

    def test_bytes_count(self) -> None:
        """Sizes are in bytes of UTF-8, not in characters."""
        with self.assertRaises(AreaOverflow) as caught:
            KernelArgumentArea((0,), "", 3).appended(["é"])
        self.assertEqual((caught.exception.needed, caught.exception.available), (4, 3))


class BadArgumentTests(SynchronousTestCase):
    """An argument that would end the area early is refused, without showing it."""

    def test_characters(self) -> None:
        for end, bad, name in (
            ("\n", "secret\nx", "a newline"),
            ("\n", "secret\0", "a NUL"),
            ("\0", "secret\n", "a newline"),
            (";", "secret;", "';'"),
            ("\n", "secret\ud800", "UTF-8"),
        ):
            area = KernelArgumentArea((0,), "", 100, end)
            with self.assertRaises(BadKernelArgument) as caught:
                area.appended(["fine", bad])
            self.assertIn("kernel argument 2", str(caught.exception))
            self.assertIn(name, str(caught.exception))
            self.assertNotIn("secret", str(caught.exception))


class ArgumentsInTests(SynchronousTestCase):
    """What an area holds is what comes before its end."""

    def test_areas(self) -> None:
        for content, end, pad, expected in (
            (b"a b\n####", "\n", "#", "a b"),
            (b"\n#####", "\n", "#", ""),
            (b"a b\0\0\0", "\0", "\0", "a b"),
            (b"a b####", "\n", "#", "a b"),
            (b"full", "\n", "#", "full"),
        ):
            self.assertEqual(KernelArgumentArea.arguments_in(content, end, pad), expected)

    def test_not_utf_8(self) -> None:
        with self.assertRaises(ValueError):
            KernelArgumentArea.arguments_in(b"\xff\n")
