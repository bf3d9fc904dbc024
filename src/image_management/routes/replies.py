"""What is answered: records, lists of them, and nothing."""

from __future__ import annotations

from collections.abc import Iterable
from json import dumps
from typing import Any

from httpd.texts import shortened
from httpd.web.answered import Reply
from image_management.records.record import Record, document_text

_MOST_WARNINGS = 8
_LONGEST_WARNING = 300
"""Characters."""


def one(record: Record, status: int = 200) -> Reply:
    """A record, whole."""
    return Reply(document_text(record.document).encode(), status)


def json(value: Any, status: int = 200) -> Reply:
    """Something short as JSON."""
    return Reply(dumps(value).encode(), status)


def nothing(warnings: Iterable[str] = ()) -> Reply:
    """
    That it is done, with nothing to say of it.

    @param warnings: what has not gone as it should have.
    """
    value = ", ".join(map(_warning, list(warnings)[:_MOST_WARNINGS]))
    return Reply(status=204, headers={"Warning": value} if value else {})


def _warning(text: str) -> str:
    """A value of C{Warning} (RFC 7234, section 5.5): 299 is a persistent one of any kind."""
    plain = shortened(text, _LONGEST_WARNING).encode("ascii", "replace").decode("ascii")
    printable = "".join(one if one.isprintable() else " " for one in plain)
    escaped = printable.replace("\\", "\\\\").replace('"', '\\"')
    return f'299 image-management "{escaped}"'
