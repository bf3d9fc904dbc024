"""
What requests ask, read once for all that ask the same: a BMC reads one image by thousands of Range
requests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, TypeVar

from assisted_images.web.parameters import Parameters
from assisted_images.web.problems import Problem

T = TypeVar("T")

_KEPT = 64
"""
Questions that are kept, secrets and all, until others are asked.  With its parameters none is much
larger than a request's head, which has 32 KiB at most; nearly all have 1 or 2 KiB.
"""


@dataclass(slots=True)
class About:
    """What the log and the metrics are told of a request, as far as it could be read."""

    route: str = ""
    """The pattern of its route; empty where it has none."""

    facts: dict[str, str] = field(default_factory=dict)


Read = Callable[[Parameters, About], T]
"""
Reads parameters, and tells what they are about; nothing else decides what it returns.  Raises
L{Problem} where they make no sense.
"""


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """What a request asks, or why it makes no sense."""

    about: About
    _wanted: T | None
    _refusal: tuple[int, str] | None = None

    @classmethod
    def read(cls, read: Read[T], parameters: Parameters) -> Question[T]:
        """Read it out of a request's parameters."""
        about = About()
        try:
            return cls(about, read(parameters, about))
        except Problem as problem:
            return cls(about, None, (problem.status, problem.detail))

    @property
    def wanted(self) -> T:
        """
        What is asked for.

        @raise Problem: the request makes no sense.
        """
        if self._wanted is None:
            assert self._refusal is not None
            raise Problem(*self._refusal)
        return self._wanted


def kept_questions(read: Read[T]) -> Callable[[Parameters], Question[T]]:
    """Read each request's parameters; equal ones get the same object, as long as it is kept."""
    return lru_cache(_KEPT)(lambda parameters: Question.read(read, parameters))
