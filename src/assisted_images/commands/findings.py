"""What commands have found right and wrong, as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TextIO

_WRONG = 1
"""The exit status where anything is."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the table."""

    what: str
    right: bool
    text: str


def report(findings: Sequence[Finding], output: TextIO, *, as_json: bool) -> None:
    """
    Write what was found.

    @raise SystemExit: with 1, when something is wrong.
    """
    if as_json:
        output.write(json.dumps([asdict(one) for one in findings], indent=1) + "\n")
    else:
        width = max(len(one.what) for one in findings)
        output.writelines(
            f"{'ok' if one.right else 'WRONG':<5}  {one.what:<{width}}  {one.text}\n"
            for one in findings
        )
    if not all(one.right for one in findings):
        raise SystemExit(_WRONG)
