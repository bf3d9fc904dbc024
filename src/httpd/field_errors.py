"""What is wrong with each field of something, nested as its fields are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

Errors = Mapping[str, "Errors | Sequence[str]"]
"""The messages of each field, or the errors of the fields in it."""


def error_lines(errors: Errors, above: str = "") -> Iterator[str]:
    """
    A line for each field with something wrong.

    @param above: the names of the fields that it is in, each with a dot behind it.
    """
    for name, wrong in errors.items():
        if isinstance(wrong, Mapping):
            yield from error_lines(wrong, f"{above}{name}.")
        else:
            yield f"{above}{name}: {'; '.join(wrong)}"
