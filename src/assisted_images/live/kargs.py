"""
Changes of a kernel's command line; and the kernel-argument area of a CoreOS live ISO, as plain
arithmetic on its bytes.

The area is a run of bytes that lies once in each boot configuration: the arguments, C{end}, then
C{pad} up to its size.  Where it lies is for L{assisted_images.live.layout} to find.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from assisted_images.values import KernelArgumentEdit, KernelArgumentOperation

_PARTICIPLES = {
    KernelArgumentOperation.DELETE: " to be deleted",
    KernelArgumentOperation.APPEND: "",
    KernelArgumentOperation.REPLACE: " to be replaced",
}

_REPLACEMENT = re.compile(r"([^=]+)=([^=]+)=([^=]+)")
"""C{KEY=OLD=NEW}, as coreos-installer reads it."""


class AreaOverflow(ValueError):
    """Something is larger than the area of the image it goes into; the text names both sizes."""

    def __init__(self, what: str, needed: int, available: int, reason: str | None = None) -> None:
        super().__init__(
            f"{what} too large for this image: "
            f"{needed} bytes do not fit into an area of {available}"
            + (f", and there is no larger one: {reason}" if reason else "")
        )
        self.needed = needed
        self.available = available


class BadKernelArgument(ValueError):
    """A kernel argument that no command line can hold; the text says which one, not its content."""


def edited(arguments: str, edits: Iterable[KernelArgumentEdit], end: str = "\n") -> str:
    """
    A kernel's command line after some edits, by the rules of coreos-installer (its
    C{KargsEditor}): of an argument that is there several times each is deleted or replaced, and one
    that is not there is left alone.  An argument is what stands between two spaces, or the line's
    ends; quotation marks mean nothing.  What is not edited keeps its spaces.

    @param end: a character that no argument may have, besides a newline and NUL.
    @raise BadKernelArgument: an edit cannot be made.
    """
    count: Counter[KernelArgumentOperation] = Counter()
    # With each space twice, every argument has one of its own on either side.
    line = _wide(f" {arguments} ")
    for edit in edits:
        count[edit.operation] += 1
        name = f"kernel argument {count[edit.operation]}{_PARTICIPLES[edit.operation]}"
        _require_text(edit.text, name, end)
        match edit.operation:
            case KernelArgumentOperation.DELETE:
                line = line.replace(f" {_wide(_deleted(edit.text, name))} ", "")
            case KernelArgumentOperation.APPEND:
                line += _wide(f"{edit.text} ")
            case KernelArgumentOperation.REPLACE:
                old, new = _replaced(edit.text, name)
                line = line.replace(f" {_wide(old)} ", f" {_wide(new)} ")
    return line.replace("  ", " ")[1:-1]


def _wide(text: str) -> str:
    return text.replace(" ", "  ")


def _deleted(text: str, name: str) -> str:
    argument = text.strip(" ")
    if not argument:
        raise BadKernelArgument(f"{name} is empty")
    return argument


def _replaced(text: str, name: str) -> tuple[str, str]:
    found = _REPLACEMENT.fullmatch(text)
    if found is None:
        raise BadKernelArgument(f"{name} cannot be read; expected KEY=OLD=NEW")
    key, old, new = found.groups()
    return f"{key}={old}", f"{key}={new}"


def _require_text(text: str, name: str, end: str) -> None:
    if not _is_text(text):
        raise BadKernelArgument(f"{name} cannot be written as UTF-8")
    for character, what in (("\n", "a newline"), ("\0", "a NUL"), (end, repr(end))):
        if character in text:
            raise BadKernelArgument(f"{name} contains {what}; expected text on one line")


@dataclass(frozen=True, slots=True)
class KernelArgumentArea:
    """Where kernel arguments go, and what is there now."""

    positions: tuple[int, ...]
    """Where the area begins, in bytes from the start of the ISO; once for each boot configuration.
    All hold the same arguments."""

    current: str
    """The arguments that the area holds now, up to C{end}."""

    size: int
    """Bytes of the area, at each of its positions."""

    end: str = "\n"
    """The one-byte character behind the last argument."""

    pad: str = "#"
    """The one-byte character that fills the rest of the area."""

    @staticmethod
    def arguments_in(content: bytes, end: str = "\n", pad: str = "#") -> str:
        """
        The arguments that an area's bytes hold.

        @raise ValueError: they are not UTF-8.
        """
        before, found, _ = content.partition(end.encode())
        return (before if found else content.rstrip(pad.encode())).decode()

    def edited(self, edits: Iterable[KernelArgumentEdit]) -> bytes:
        """
        The area's new bytes, exactly C{size} of them: what it holds now, L{edited<edited>}.

        @raise BadKernelArgument: an argument would end the area early, or is none.
        @raise AreaOverflow: they do not fit.
        """
        content = (edited(self.current, edits, self.end) + self.end).encode()
        if len(content) > self.size:
            raise AreaOverflow("the kernel arguments are", len(content), self.size)
        return content.ljust(self.size, self.pad.encode())


def _is_text(argument: str) -> bool:
    """Whether there are no lone surrogates, which JSON can bring in, among the characters."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True
