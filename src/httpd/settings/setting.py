"""What a setting is: a row of the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Tolerated(Generic[_T]):
    """What a reader returns of a text that does not count quite as it stands."""

    value: _T
    warnings: Sequence[str] = ()
    """One sentence for each thing that counts otherwise, or not at all."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table."""

    names: tuple[str, ...]
    """Names in the environment; of those that are set the first counts."""

    meaning: str
    read: Callable[[str], Any]
    """
    Reads the text, without white space around it, into its value, which may be L{Tolerated};
    C{ValueError} says what is wrong with it.
    """

    default: str | None = None
    """What counts where nothing is set; C{None}: see C{absent}."""

    absent: Any = None
    """The value where nothing is set and there is no default text."""

    absent_text: str = ""
    """Says in the documentation what happens then."""

    required: bool = False
    attribute: str = ""
    """Its attribute in the settings, if not as the first name."""

    used: bool = True
    """
    Whether anything depends on it.  One of which nothing does is there because deployments of the
    Go service set it: its text is checked, and it has no attribute.
    """

    @property
    def name(self) -> str:
        """The name of one that is not set."""
        return self.names[0]

    @property
    def key(self) -> str:
        """Its attribute in the settings."""
        return self.attribute or self.name.lower()

    @property
    def options(self) -> tuple[str, ...]:
        """Its command-line options, without the dashes before them."""
        return tuple(dict.fromkeys(map(_option, self.names)))

    def name_of(self, option: str) -> str:
        """The name that an option of it stands for."""
        return next(name for name in self.names if _option(name) == option)

    @property
    def default_text(self) -> str:
        """The default, for people."""
        return self.default if self.default is not None else self.absent_text


def _option(name: str) -> str:
    return name.lower().replace("_", "-")
