"""The JSON that a client has sent (RFC 8259)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from httpd.texts import quoted
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest

_TYPE = "application/json"


def json_body(request: ServiceRequest) -> Any:
    """
    What the body says; never nothing: an empty object, list or text is no input either.

    @raise Problem: 415, it is of another type; 400, it is malformed or empty.
    """
    sent = request.fields.get("content-type")
    if sent is None and not request.body:
        raise _nothing()
    if sent is None or sent.partition(";")[0].strip().lower() != _TYPE:
        shown = "no type" if sent is None else quoted(sent)
        raise Problem(415, f"the body has {shown}; expected Content-Type: {_TYPE}")
    value = parsed(request.body)
    if not value:
        raise _nothing()
    return value


def parsed(data: bytes) -> Any:
    """
    The value of a JSON text; L{None} where there is none.

    Stricter than Python's own reader: names of members are unique, numbers are finite, and strings
    are Unicode, so that whatever is read can be sent to others.

    @raise Problem: 400, it is malformed; the text says where.
    """
    if not data.strip(b" \t\r\n"):
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed(f"byte {error.start} is no UTF-8") from None
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _malformed(f"{error.msg}, at {place}") from None
    except RecursionError:
        raise _malformed("it is nested too deeply") from None
    except ValueError as error:  # Python reads no integers of thousands of digits
        raise _malformed(str(error)) from None
    if "\\u" in text:
        _require_unicode(value)
    return value


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _malformed(f"the member {quoted(twice)} is there more than once")
    return members


def _no_number(word: str) -> NoReturn:
    raise _malformed(f"{word} is no JSON value")


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0:
        raise _malformed(f"the number {quoted(text)} is too large")
    return number


def _require_unicode(value: object) -> None:
    """Refuse halves of surrogate pairs (RFC 8259, section 8.2)."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise _malformed("half of a surrogate pair stands alone in a string") from None


def _nothing() -> Problem:
    return Problem(400, "the body is empty; expected a JSON object")


def _malformed(reason: str) -> Problem:
    return Problem(400, f"the body is not valid JSON: {reason}")
