"""
Objects: looked at, read, written, copied, streamed and deleted, by the link that says where they
are.

Everything is done with the service's own credentials.  What these are refused (403) is tried with a
second set, where there is one: objects that another user has put into our buckets can be looked at,
read and copied by their owner alone, while we may write and delete everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from httpd.outbound.proxies import Proxies
from httpd.representation.segments import Source
from image_management.records.links import Link
from image_management.s3.access import Observe, S3Access, TimeLimits


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What HEAD says of an object."""

    etag: str
    """Without quotes."""
    size: int
    """Bytes."""
    content_type: str = "binary/octet-stream"
    metadata: Mapping[str, str] = field(default_factory=dict)
    """The user's: names in lower case, without C{x-amz-meta-}."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Other header fields that belong to the object, such as C{ContentEncoding}, by the names that
    S3's C{CreateMultipartUpload} has for them."""
    last_modified: float | None = None
    """Seconds since the epoch."""


class ObjectStore:
    """
    The objects of an S3 server.

    Every method raises L{S3Unavailable<image_management.s3.errors.S3Unavailable>} when S3 cannot do
    it after a few tries within seconds.  All may be cancelled, which closes the connection; S3 may
    have done it all the same.
    """

    def __init__(
        self,
        reactor: Any,
        access: S3Access,
        sts: S3Access | None = None,
        limits: TimeLimits | None = None,
        proxies: Proxies | None = None,
        observe: Observe | None = None,
    ) -> None:
        """
        @param sts: the second set of credentials.
        @param proxies: the HTTP proxies on the way; by default none, whatever the environment says.
        """

    async def head(self, link: Link) -> ObjectFacts:
        """
        Look at an object; the link's etag does not matter.

        @raise ObjectMissing: it is not there; L{ObjectRefused}, of the same kind: S3 said 403.
        """
        raise NotImplementedError

    async def exists(self, link: Link) -> bool:
        """
        Whether an object is there.

        @raise ObjectRefused: S3 said 403, so nobody knows.
        """
        raise NotImplementedError

    async def read(self, link: Link, most: int) -> bytes:
        """
        Read a whole object of C{most} bytes or fewer.

        @raise ObjectMissing: it is not there.
        @raise ObjectTooLarge: it has more; they are not read.
        """
        raise NotImplementedError

    async def write(
        self,
        link: Link,
        data: bytes,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
        *,
        only_if_absent: bool = False,
    ) -> Link:
        """
        Write a small object.

        @param only_if_absent: leave one alone that is there.  The same bytes count as written.
        @return: the link with its new etag.
        @raise ObjectExists: other bytes are there.
        @raise ObjectMissing: the bucket is not there.
        """
        raise NotImplementedError

    async def delete(self, link: Link) -> None:
        """Delete an object; one that is gone is fine."""
        raise NotImplementedError

    async def copy(self, source: Link, target: Link, facts: ObjectFacts) -> Link:
        """
        Have S3 copy an object, with metadata, content type and, of one that was uploaded in parts,
        its parts, which is what its ETag comes from.

        An object at the target is overwritten: look before.  Repeating it after a failure is fine;
        no half-done upload is left at the target then, whoever began it.

        @param facts: of the source.
        @return: the target with its etag.
        @raise ObjectMissing: the source, or a bucket, is not there.
        @raise ObjectChanged: the source is not what C{facts} say.
        """
        raise NotImplementedError

    def presigned_get(self, link: Link) -> str:
        """
        A URL by which anybody can GET the object for a while (signature version 4).  It is a
        secret.
        """
        raise NotImplementedError

    def source(self, link: Link, facts: ObjectFacts) -> Source:
        """
        An object's bytes, for one answer to one client: a segment of it is asked for by one GET,
        and comes at the client's pace.

        Reading raises L{ObjectMissing}, L{ObjectChanged} when it is not what C{facts} say,
        L{S3Unavailable}.
        """
        raise NotImplementedError

    async def check(self, bucket: str) -> None:
        """
        Ask S3 for a bucket, once and for a few seconds only: for probes.

        @raise S3Error: S3 does not answer well; its C{kind} says how.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """Close idle connections, at the end."""
        raise NotImplementedError
