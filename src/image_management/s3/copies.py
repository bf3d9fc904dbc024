"""Copies of objects, which S3 makes itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from twisted.logger import Logger

from httpd.concurrency.coroutines import side_by_side
from httpd.concurrency.slots import OwnSlots
from image_management.records.links import Link
from image_management.s3.client import S3Client
from image_management.s3.errors import (
    ObjectRefused,
    S3Error,
    S3Refused,
    S3Unavailable,
)
from image_management.s3.facts import ObjectFacts, quoted_etag, unquoted
from image_management.s3.parts import (
    LARGEST_AT_ONCE,
    Part,
    Parts,
    etag_of,
    even_parts,
    guessed_parts,
    own_parts,
    part_count,
    parts_of,
)

_PARTS_AT_ONCE = 2
"""Of one object: four take as long, where S3 has two CPUs, and everybody else waits longer."""


class _OtherParts(Exception):
    """The copy would get another ETag than it should have: its parts are not the source's."""


class Copy:
    """One copy of one object, in the name of one user."""

    _log = Logger()

    def __init__(self, client: S3Client, source: Link, target: Link, facts: ObjectFacts) -> None:
        """
        @param facts: of the source.
        """
        self._client = client
        self._facts = facts
        self._object: dict[str, Any] = {"Bucket": source.bucket, "Key": source.key}
        self._target = {"Bucket": target.bucket, "Key": target.key}
        self._source = {
            "CopySource": quote(f"{source.bucket}/{source.key}"),
            "CopySourceIfMatch": quoted_etag(facts.etag),
        }

    async def make(self) -> str:
        """
        Make it.

        @return: the ETag of what is at the target then.
        @raise S3Error: it cannot be made.
        """
        count = part_count(self._facts.etag)
        if count is not None and self._facts.size:
            return await self._in_same_parts(count)
        if self._facts.size > LARGEST_AT_ONCE:
            return await self._in_parts(own_parts(self._facts.size))
        return await self._at_once()

    async def _at_once(self) -> str:
        """With everything that belongs to the object, as S3 does by itself."""
        answer = await self._client.call(
            "CopyObject", self._source | self._target, work=self._facts.size
        )
        return await self._etag(answer.get("CopyObjectResult", {}))

    async def _in_same_parts(self, count: int) -> str:
        """
        In parts of the sizes that the source's have, so that the ETag is the same.

        A server that knows of parts says how many there are and how large each is; any other speaks
        of the whole object.  Of these Ceph keeps the ETag when it copies at once, for which it need
        not even read the object.
        """
        first = await self._head(self._object | {"PartNumber": 1})
        told = first.get("PartsCount") == count
        if not told and self._facts.size <= LARGEST_AT_ONCE:
            etag = await self._at_once()
            if etag == self._facts.etag:
                return etag
        likely = self._told_parts(count, first) if told else self._guessed_parts(count)
        parts: Parts = ()
        async for parts in likely:
            with suppress(_OtherParts):
                return await self._in_parts(parts, self._facts.etag)
        return await self._in_parts(parts)

    async def _told_parts(self, count: int, first: Mapping[str, Any]) -> AsyncIterator[Parts]:
        """Even ones like the first, as nearly all are; if that is wrong, what all are."""
        even = even_parts(self._facts.size, first["ContentLength"])
        if len(even) == count:
            yield even
        numbers = range(1, count + 1)
        heads = [await self._head(self._object | {"PartNumber": number}) for number in numbers]
        yield parts_of(head["ContentLength"] for head in heads)

    async def _guessed_parts(self, count: int) -> AsyncIterator[Parts]:
        for parts in guessed_parts(self._facts.size, count):
            yield parts

    async def _in_parts(self, parts: Parts, wanted: str = "") -> str:
        """
        The copy, in C{parts}; no upload stays behind, not even one whose beginning was never
        answered, or that an earlier process has begun.

        @param wanted: an ETag without which it is not to be made; empty: any.
        @raise _OtherParts: it would have another.
        """
        try:
            etag = await self._upload(parts, wanted)
        except (S3Error, _OtherParts):
            await self._sweep()
            raise
        await self._sweep()
        return etag

    async def _upload(self, parts: Parts, wanted: str) -> str:
        facts = self._facts
        kept = {"ContentType": facts.content_type, "Metadata": facts.metadata, **facts.fields}
        begun = await self._client.call("CreateMultipartUpload", kept | self._target)
        upload = begun["UploadId"]
        try:
            turns = OwnSlots(_PARTS_AT_ONCE)
            etags = await side_by_side(self._part(upload, part, turns) for part in parts)
            if wanted and etag_of(etags) not in {wanted, None}:
                raise _OtherParts
            return await self._complete(upload, etags)
        except (S3Error, _OtherParts):
            await self._give_up(upload)
            raise

    async def _part(self, upload: str, part: Part, turns: OwnSlots) -> str:
        place = {"UploadId": upload, "PartNumber": part.number, "CopySourceRange": part.range}
        async with turns:
            answer = await self._client.call(
                "UploadPartCopy", place | self._source | self._target, work=part.size
            )
        return unquoted(answer["CopyPartResult"]["ETag"])

    async def _complete(self, upload: str, etags: list[str]) -> str:
        """
        Make the parts an object.  When S3 has done that but its answer was lost, a further try
        finds no upload any more; then the object itself tells.
        """
        parts = [{"PartNumber": n, "ETag": quoted_etag(etag)} for n, etag in enumerate(etags, 1)]
        whole = {"UploadId": upload, "MultipartUpload": {"Parts": parts}, **self._target}
        try:
            answer = await self._client.call(
                "CompleteMultipartUpload", whole, work=self._facts.size
            )
        except S3Unavailable:
            if not await self._is_made(etag_of(etags)):
                raise
            answer = {}
        return await self._etag(answer)

    async def _etag(self, answer: Mapping[str, Any]) -> str:
        """The copy's ETag, asked for where the answer has none, as Ceph's have sometimes."""
        return unquoted(answer.get("ETag", "")) or await self._target_etag()

    async def _is_made(self, etag: str | None) -> bool:
        try:
            return await self._target_etag() == etag
        except S3Error:
            return False

    async def _target_etag(self) -> str:
        return unquoted((await self._head(self._target)).get("ETag", ""))

    async def _head(self, which: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return await self._client.call("HeadObject", which)
        except ObjectRefused as error:
            # It is known to be there: what is wrong is who asks.
            raise S3Refused(error.verb, error.kind, error.status) from None

    async def _sweep(self) -> None:
        """Give up all uploads to the target."""
        key = self._target["Key"]
        try:
            where = {"Bucket": self._target["Bucket"], "Prefix": key}
            answer = await self._client.call("ListMultipartUploads", where)
        except S3Error as error:
            self._log.warn("uploads may be left at {key}: {error}", key=key, error=str(error))
            return
        for one in answer.get("Uploads", []):
            if one["Key"] == key:
                await self._give_up(one["UploadId"])

    async def _give_up(self, upload: str) -> None:
        try:
            which = {"UploadId": upload, **self._target}
            await self._client.call("AbortMultipartUpload", which)
        except S3Error as error:
            if error.status == 404:
                return  # it is gone already
            self._log.warn("an upload is left: {error}", error=str(error))
