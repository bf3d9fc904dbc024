"""Files that become objects, in parts where they are large."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from httpd.concurrency.threads import RunInThread
from image_management.records.links import Link
from image_management.s3.client import S3Client
from image_management.s3.errors import ObjectMissing, S3Error, S3Unavailable
from image_management.s3.facts import quoted_etag, unquoted
from image_management.s3.parts import MIB, Part, Parts, etag_of, even_parts

_PART = 8 * MIB
"""Bytes of a part: it is in memory, and its signature is made in the reactor's thread."""

_MOST_PARTS = 10_000
"""Of an object (Amazon S3 User Guide, "Multipart upload limits")."""


class Upload:
    """One upload of one file, which nobody changes meanwhile."""

    def __init__(
        self, client: S3Client, file: int, target: Link, run_in_thread: RunInThread
    ) -> None:
        """
        @param file: its descriptor.
        """
        self._client = client
        self._file = file
        self._target = {"Bucket": target.bucket, "Key": target.key}
        self._run_in_thread = run_in_thread

    async def make(self, content_type: str, metadata: Mapping[str, str]) -> str:
        """
        Make it.

        @return: the ETag of the object.
        @raise S3Error: it cannot be made; no part of it stays.
        """
        facts = {"ContentType": content_type, "Metadata": metadata}
        size = os.fstat(self._file).st_size
        if size <= _PART:
            body = await self._read(Part(1, 0, size))
            answer = await self._client.call(
                "PutObject", {"Body": body, **facts, **self._target}, work=size
            )
            return await self._etag(answer)
        part_size = max(_PART, -(-size // _MOST_PARTS))
        return await self._in_parts(even_parts(size, part_size), facts)

    async def _in_parts(self, parts: Parts, facts: Mapping[str, Any]) -> str:
        begun = await self._client.call("CreateMultipartUpload", {**facts, **self._target})
        upload = {"UploadId": begun["UploadId"], **self._target}
        try:
            etags = [await self._part(part, upload) for part in parts]
            return await self._complete(upload, etags)
        except BaseException:
            await give_up(self._client, upload)
            raise

    async def _part(self, part: Part, upload: Mapping[str, Any]) -> str:
        body = await self._read(part)
        which = {"PartNumber": part.number, "Body": body, **upload}
        answer = await self._client.call("UploadPart", which, work=part.size)
        return unquoted(answer["ETag"])

    async def _complete(self, upload: Mapping[str, Any], etags: list[str]) -> str:
        """
        Make the parts an object.  When S3 has done that but its answer was lost, a further try
        finds no upload any more; then the object itself tells.
        """
        parts = [{"PartNumber": n, "ETag": quoted_etag(etag)} for n, etag in enumerate(etags, 1)]
        try:
            answer = await self._client.call(
                "CompleteMultipartUpload", {"MultipartUpload": {"Parts": parts}, **upload}
            )
        except (ObjectMissing, S3Unavailable):
            if await self._target_etag() != etag_of(etags):
                raise
            answer = {}
        return await self._etag(answer)

    async def _etag(self, answer: Mapping[str, Any]) -> str:
        return unquoted(answer.get("ETag", "")) or await self._target_etag()

    async def _target_etag(self) -> str:
        head = await self._client.call("HeadObject", self._target)
        return unquoted(head.get("ETag", ""))

    async def _read(self, part: Part) -> bytes:
        data = await self._run_in_thread(os.pread, self._file, part.size, part.start)
        if len(data) != part.size:
            raise EOFError("the file has become shorter")
        return data


async def give_up(client: S3Client, upload: Mapping[str, Any]) -> None:
    """Forget an unfinished upload; one that is gone is fine."""
    try:
        await client.call("AbortMultipartUpload", upload)
    except S3Error:
        return  # whoever cleans up the target finds it


async def sweep(client: S3Client, target: Link) -> None:
    """
    Forget all unfinished uploads to a place.

    @raise S3Error: it cannot be done.
    """
    where = {"Bucket": target.bucket, "Prefix": target.key}
    answer = await client.call("ListMultipartUploads", where)
    for one in answer.get("Uploads", []):
        which = {"Bucket": target.bucket, "Key": one["Key"], "UploadId": one["UploadId"]}
        await client.call("AbortMultipartUpload", which)
