"""
The kernel-argument area of a CoreOS live ISO, as plain arithmetic on its bytes.

The area is a run of bytes that lies once in each boot configuration: the arguments, C{end}, then
C{pad} up to its size.  Where it lies is for L{assisted_images.live.layout} to find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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
    """A kernel argument that no area can hold; the text says which one, not its content."""


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

    def appended(self, arguments: Sequence[str]) -> bytes:
        """
        The area's new bytes, exactly C{size} of them: what it holds now and C{arguments} behind it.

        @raise BadKernelArgument: an argument would end the area early, or is no text.
        @raise AreaOverflow: they do not fit.
        """
        for number, argument in enumerate(arguments, start=1):
            self._check(number, argument)
        text = " ".join([self.current, *arguments]) + self.end
        content = text.encode()
        if len(content) > self.size:
            raise AreaOverflow("the kernel arguments are", len(content), self.size)
        return content.ljust(self.size, self.pad.encode())

    def _check(self, number: int, argument: str) -> None:
        if not _is_text(argument):
            raise BadKernelArgument(f"kernel argument {number} cannot be written as UTF-8")
        for character, name in (("\n", "a newline"), ("\0", "a NUL"), (self.end, repr(self.end))):
            if character in argument:
                raise BadKernelArgument(
                    f"kernel argument {number} contains {name}; expected text on one line"
                )


def _is_text(argument: str) -> bool:
    """Whether there are no lone surrogates, which JSON can bring in, among the characters."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True
