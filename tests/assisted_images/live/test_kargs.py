"""Edits of a command line, and the area that it lies in, against models of plain strings."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.live.kargs import (
    AreaOverflow,
    BadKernelArgument,
    KernelArgumentArea,
    edited,
)
from assisted_images.values import (
    KernelArgumentEdit,
    KernelArgumentOperation,
    in_order,
)
from tests.assisted_images.kernel_arguments import appended, deleted, replaced
from tests.properties import given

argument = st.text(
    st.characters(codec="utf-8", exclude_characters="\n\0#"), min_size=1, max_size=12
)

tokens = st.sampled_from(["a", "b", "a=1", "a=2", "b=1", "b=2", "a.b=1", 'a="1', 'x"', "a=1=2"])
"""Few, so that some are there several times."""

pairs = st.tuples(st.sampled_from(["a", "b", "a.b"]), *[st.sampled_from(["1", "2", '"1'])] * 2)

edits = st.lists(
    st.builds(
        KernelArgumentEdit,
        st.sampled_from([KernelArgumentOperation.APPEND, KernelArgumentOperation.DELETE]),
        tokens,
    )
    | pairs.map(lambda pair: KernelArgumentEdit(KernelArgumentOperation.REPLACE, "=".join(pair)))
)


def modelled(line: list[str], edits: list[KernelArgumentEdit]) -> list[str]:
    """What edits make of a command line of arguments without spaces."""
    for edit in edits:
        match edit.operation:
            case KernelArgumentOperation.DELETE:
                line = [one for one in line if one != edit.text]
            case KernelArgumentOperation.APPEND:
                line = [*line, edit.text]
            case KernelArgumentOperation.REPLACE:
                key, old, new = edit.text.split("=")
                line = [f"{key}={new}" if one == f"{key}={old}" else one for one in line]
    return line


class EditedTests(SynchronousTestCase):
    """A command line after edits; many by what coreos-installer's own tests expect."""

    @given(st.lists(tokens), edits)
    def test_model(self, line: list[str], edits: list[KernelArgumentEdit]) -> None:
        found = edited(" ".join(line), edits)
        self.assertEqual(found.split(), modelled(line, edits))

    @given(st.text(st.sampled_from(" ab"), max_size=20), tokens)
    def test_what_is_not_there(self, line: str, token: str) -> None:
        """Nothing is done for it, whatever the spaces."""
        if token not in line.split(" "):
            self.assertEqual(edited(line, deleted(token)), line)
            self.assertEqual(edited(line, replaced("c=1=2")), line)

    def test_deleted(self) -> None:
        for line, arguments, expected in (
            ("foo bar foobar", ["foo"], "bar foobar"),
            ("foo bar foobar", ["bar"], "foo foobar"),
            ("foo bar foobar", ["foobar"], "foo bar"),
            ("foo bar foobar", ["foo bar"], "foobar"),
            ("foo bar foobar", ["bar", "foo"], "foobar"),
            ("foo bar foobar", ["baz"], "foo bar foobar"),
            ("foo=val bar baz=val", ["   foo=val"], "bar baz=val"),
            ("foo=val bar baz=val", ["baz=val  "], "foo=val bar"),
            ("foo=val bar", ["foo"], "foo=val bar"),
            ("foo foo foo", ["foo"], ""),
            ("a.b acb", ["a.b"], "acb"),
        ):
            self.assertEqual(edited(line, deleted(*arguments)), expected)

    def test_all_three(self) -> None:
        """In coreos-installer's order, whatever they were given in."""
        line = "foo mitigations=auto,nosmt console=tty0 bar console=ttyS0,115200n8 baz"
        given = (
            *replaced("mitigations=auto,nosmt=auto"),
            *appended("console=ttyS1,115200n8"),
            *deleted("console=ttyS0,115200n8"),
        )
        expected = "foo mitigations=auto console=tty0 bar baz console=ttyS1,115200n8"
        self.assertEqual(edited(line, in_order(given)), expected)
        again = in_order((*replaced("a=1=2", "a=2=3"), *appended("a=1", "a=2"), *deleted("a=1")))
        self.assertEqual(edited("a=1 b", again), "b a=3 a=3")

    def test_no_replacement(self) -> None:
        for text in ("quiet", "a=1", "a=1=", "a==2", "=1=2", "a=1=2=3", ""):
            with self.assertRaisesRegex(
                BadKernelArgument, "kernel argument 2 to be replaced cannot be read; .*KEY=OLD=NEW"
            ):
                edited("", replaced("a=1=2", text))

    def test_nothing_to_delete(self) -> None:
        for text in ("", "  "):
            with self.assertRaisesRegex(BadKernelArgument, "argument 1 to be deleted is empty"):
                edited("a  b", (*appended("x"), *deleted(text)))


class AreaTests(SynchronousTestCase):
    """The area is the edited line, the end and padding; nothing else."""

    @given(st.lists(argument).map(" ".join), st.lists(argument, min_size=1), st.integers(0, 300))
    def test_appended(self, current: str, arguments: list[str], size: int) -> None:
        area = KernelArgumentArea((100,), current, size)
        expected = f"{current} {' '.join(arguments)}\n".encode()
        if len(expected) > size:
            with self.assertRaisesRegex(
                AreaOverflow, f"{len(expected)} bytes do not fit into an area of {size}"
            ):
                area.edited(appended(*arguments))
            return
        found = area.edited(appended(*arguments))
        self.assertEqual(found, expected + b"#" * (size - len(expected)))

    @given(st.lists(argument, max_size=3).map(" ".join), st.lists(argument, min_size=1, max_size=3))
    def test_read_back(self, current: str, arguments: list[str]) -> None:
        """What was written is found again, with either kind of padding."""
        for end, pad in (("\n", "#"), ("\0", "\0")):
            area = KernelArgumentArea((0,), current, 500, end, pad)
            content = area.edited(appended(*arguments))
            found = KernelArgumentArea.arguments_in(content, end, pad)
            self.assertEqual(found, " ".join([current, *arguments]))

    def test_exactly_full(self) -> None:
        """The byte that ends the arguments needs room too."""
        self.assertEqual(KernelArgumentArea((0,), "a", 4).edited(appended("b")), b"a b\n")
        with self.assertRaises(AreaOverflow):
            KernelArgumentArea((0,), "a", 3).edited(appended("b"))

    def test_room_by_deletion(self) -> None:
        area = KernelArgumentArea((0,), "abc", 4)
        self.assertEqual(area.edited((*deleted("abc"), *appended("de"))), b"de\n#")
        self.assertEqual(area.edited(deleted("abc")), b"\n###")

    def test_bytes_count(self) -> None:
        """Sizes are in bytes of UTF-8, not in characters."""
        with self.assertRaises(AreaOverflow) as caught:
            KernelArgumentArea((0,), "", 3).edited(appended("é"))
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
            for edits in (appended("fine", bad), deleted("a", bad), replaced("a=1=2", bad)):
                with self.assertRaises(BadKernelArgument) as caught:
                    area.edited(edits)
                self.assertIn("kernel argument 2", str(caught.exception))
                self.assertIn(name, str(caught.exception))
                self.assertNotIn("secret", str(caught.exception))
                self.assertNotIn("secret", repr(edits))


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
