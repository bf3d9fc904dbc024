"""
Conditional requests (RFC 9110, section 13): evaluated against a representation's validators.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from enum import Enum, auto

_HeaderLookup = Callable[[str], str | None]

_CONDITIONS = frozenset({"if-match", "if-none-match", "if-modified-since", "if-unmodified-since"})
"""C{If-Range} is about the range alone."""

_HTTP_DATE = re.compile(
    r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"
    r"|\w{6,9}, \d\d-\w{3}-\d\d \d\d:\d\d:\d\d GMT"
    r"|\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}",
    re.ASCII,
)
"""The three forms (section 5.6.7); the library reads the beginning of whatever begins like one."""

_ENTITY_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')


class Outcome(Enum):
    """What the preconditions make of a request."""

    PROCEED = auto()
    NOT_MODIFIED = auto()
    """304: the client has it already."""
    FAILED = auto()
    """412: the client wanted another one."""


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells one version of a representation from another."""

    etag: str
    """A strong entity tag, with its quotes."""

    last_modified: int | None = None
    """Seconds since the epoch."""

    def evaluate(self, fields: Mapping[str, str]) -> Outcome:
        """
        Decide on a GET or HEAD request, in the order that section 13.2.2 gives.

        A date that cannot be read is ignored, as are several, and one beside its entity tag
        counterpart.

        @param fields: the request's header fields by their lower-case names.
        """
        if _CONDITIONS.isdisjoint(fields):
            return Outcome.PROCEED
        if not self._wanted(fields.get):
            return Outcome.FAILED
        if self._known(fields.get):
            return Outcome.NOT_MODIFIED
        return Outcome.PROCEED

    def range_applies(self, if_range: str | None) -> bool:
        """Whether a C{Range} beside this C{If-Range} still speaks of this version (13.1.5)."""
        if if_range is None:
            return True
        if '"' in if_range:
            return if_range.strip() == self.etag
        date = parse_http_date(if_range)
        return date is not None and date == self.last_modified

    def _wanted(self, header: _HeaderLookup) -> bool:
        if_match = header("if-match")
        if if_match is not None:
            return self._listed_in(if_match, weak=False)
        since = parse_http_date(header("if-unmodified-since"))
        return since is None or self.last_modified is None or self.last_modified <= since

    def _known(self, header: _HeaderLookup) -> bool:
        if_none_match = header("if-none-match")
        if if_none_match is not None:
            return self._listed_in(if_none_match, weak=True)
        since = parse_http_date(header("if-modified-since"))
        return since is not None and self.last_modified is not None and self.last_modified <= since

    def _listed_in(self, field: str, *, weak: bool) -> bool:
        """Whether a list of entity tags, or C{*}, names this version."""
        if field.strip() == "*":
            return True
        return any(
            tag == self.etag and (weak or not weak_prefix)
            for weak_prefix, tag in _ENTITY_TAG.findall(field)
        )


def parse_http_date(text: str | None) -> int | None:
    """Read any of the three forms of an HTTP-date (section 5.6.7), as seconds since the epoch."""
    if text is None or _HTTP_DATE.fullmatch(text) is None:
        return None
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return int((date - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())


def format_http_date(seconds: float) -> str:
    """Seconds since the epoch as the preferred form of an HTTP-date."""
    return formatdate(int(seconds), usegmt=True)
