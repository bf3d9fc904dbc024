"""What is known of an object without its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

DEFAULT_TYPE = "binary/octet-stream"
"""The type of what was stored without one."""

_KEPT = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage")
"""What belongs to an object besides its type and the user's metadata."""

_CHUNKED = "aws-chunked"
"""How uploads come over the wire; some servers take it for the object's coding."""


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What HEAD says of an object."""

    etag: str
    """Without quotes."""
    size: int
    """Bytes."""
    content_type: str = DEFAULT_TYPE
    metadata: Mapping[str, str] = field(default_factory=dict)
    """The user's: names in lower case, without C{x-amz-meta-}."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Other header fields that belong to the object, such as C{ContentEncoding}, by the names that
    S3's C{CreateMultipartUpload} has for them."""
    last_modified: float | None = None
    """Seconds since the epoch."""

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """
        Read what C{HeadObject} answers.

        @raise ValueError: it does not say what it should.
        """
        etag, size = unquoted(answer.get("ETag", "")), answer.get("ContentLength")
        if not etag or not isinstance(size, int):
            raise ValueError("its answer has no ETag or no length")
        fields = {name: answer[name] for name in _KEPT if name in answer}
        if fields.get("ContentEncoding") == _CHUNKED:
            del fields["ContentEncoding"]
        modified = answer.get("LastModified")
        return cls(
            etag,
            size,
            answer.get("ContentType", DEFAULT_TYPE),
            answer.get("Metadata", {}),
            fields,
            modified.timestamp() if modified else None,
        )


def unquoted(etag: str) -> str:
    """An ETag as records have it.  Ceph's answers have some of them without quotes anyway."""
    return etag.removeprefix('"').removesuffix('"')


def quoted_etag(etag: str) -> str:
    """An ETag as header fields have it (RFC 9110, section 8.8.3)."""
    return f'"{etag}"'
