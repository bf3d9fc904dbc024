"""
What members of records are: marshmallow's fields with the leniency that this service's clients
need, and with what no text may hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError, fields, validate

from image_management.records.links import BadLink, Link, parsed_path
from image_management.records.public_keys import BadPublicKey, check_public_keys
from image_management.records.words import truth

LONGEST_NAME = 255
"""Bytes of a file's name: Linux's NAME_MAX."""

not_blank = validate.Length(min=1, error="Field may not be blank.")
"""Refuses an empty text."""


class FullMatch(validate.Regexp):
    """
    Refuses a text that is not as a pattern, as a whole.  The pattern begins with C{^} and ends with
    C{$}, so that it means the same in JSON Schema.
    """

    def __call__(self, value: Any) -> Any:
        """The text, where it is."""
        if self.regex.fullmatch(value) is None:
            raise ValidationError(self._format_error(value))
        return value


class Text(fields.String):
    """A text that every store can hold: Unicode, and without NUL, which PostgreSQL has not."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if "\0" in value:
            raise ValidationError("NUL characters are not allowed.")
        if re.search(r"[\ud800-\udfff]", value):
            raise ValidationError("Not valid Unicode: there is half of a surrogate pair.")
        return value


class FileName(Text):
    """
    One element of a path, which can be mistaken for nothing else: for no option of a command, no
    hidden file and no other folder.
    """

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        name = super()._deserialize(value, attr, data, **kwargs)
        if len(name.encode()) > LONGEST_NAME:
            raise ValidationError(f"Longer than {LONGEST_NAME} bytes.")
        if re.match(r"[-.]", name) or re.search(r"[/\x00-\x1f\x7f-\x9f\u2028\u2029]", name):
            raise ValidationError(
                "Not a file name: expected one without '/' and control characters, that does not"
                " begin with '-' or '.'."
            )
        return name


class PublicKeys(Text):
    """One SSH public key or several, as they stand in C{authorized_keys}, without options."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            check_public_keys(text)
        except BadPublicKey as error:
            raise ValidationError(f"Not an SSH public key: {error}.") from None
        return text


class LinkPath(Text):
    """C{s3://bucket/key}."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return Link(*parsed_path(text)).path
        except BadLink as error:
            raise ValidationError(f"Not a valid S3 path: {error}.") from None


class Identifier(fields.UUID):
    """The id of a record: the text of a UUID."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str):
            return str(super()._deserialize(value, attr, data, **kwargs))
        raise self.make_error("invalid_uuid")


class Timestamp(fields.String):
    """A time in ISO 8601; one without offset is in UTC.  Read, it has UTC's."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("Not a valid datetime.")
        try:
            time = datetime.fromisoformat(value)
            return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
        except (ValueError, OverflowError):
            raise ValidationError("Not a valid datetime.") from None


class Boolean(fields.Boolean):
    """True or false, also as words, in any case, and digits."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> bool:
        if isinstance(value, int) and value in (0, 1):
            return bool(value)
        meant = truth(value) if isinstance(value, str) else None
        if meant is None:
            raise self.make_error("invalid", input=value)
        return meant


class Integer(fields.Integer):
    """A whole number, also as decimal text."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,18}", value):
            return int(value)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self.make_error("invalid", input=value)


class KeysAndValues(fields.List[dict[str, str]]):
    """A list of C{{"key", "value"}}, also as a map; null, where it is allowed, is an empty one."""

    def deserialize(self, value: Any, attr: Any = None, data: Any = None, **kwargs: Any) -> Any:
        """The list."""
        if value is None and self.allow_none:
            value = []
        elif isinstance(value, Mapping):
            value = [{"key": key, "value": each} for key, each in value.items()]
        return super().deserialize(value, attr, data, **kwargs)


class Metadata(fields.Dict):
    """A map of texts, also as the one pair C{{"key": …, "value": …}} that command lines send."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(keys=Text(), values=Text(), **kwargs)

    def deserialize(self, value: Any, attr: Any = None, data: Any = None, **kwargs: Any) -> Any:
        """The map."""
        if isinstance(value, Mapping) and value.keys() == {"key", "value"}:
            value = {value["key"]: value["value"]} if isinstance(value["key"], str) else value
        return super().deserialize(value, attr, data, **kwargs)
