"""
Objects: looked at, read, written, copied, streamed and deleted, by the link that says where they
are.

Everything is done with the service's own credentials.  What these are refused (403) is tried with a
second set, where there is one: objects that another user has put into our buckets can be looked at,
read and copied by their owner alone, while we may write and delete everywhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from hashlib import md5
from pathlib import Path
from typing import Any, TypeVar

from twisted.web.iweb import IResponse

from httpd.concurrency.threads import RunInThread
from httpd.outbound.agent import OutboundAgent
from httpd.outbound.proxies import Proxies
from httpd.outbound.trust import tls_policy
from httpd.representation.segments import Source
from image_management.records.links import Link
from image_management.s3.access import Observe, S3Access, TimeLimits
from image_management.s3.client import VERBS, S3Client
from image_management.s3.copies import Copy
from image_management.s3.errors import (
    ObjectChanged,
    ObjectExists,
    ObjectMissing,
    ObjectRefused,
    S3Refused,
    S3Unavailable,
)
from image_management.s3.facts import ObjectFacts, quoted_etag, unquoted
from image_management.s3.source import ObjectSource
from image_management.s3.uploads import Upload, sweep
from image_management.values import USER_AGENT

__all__ = ["ObjectFacts", "ObjectStore"]

_CHECK_SECONDS = 5.0
"""For a probe: whoever asks has no more patience."""

T = TypeVar("T")


class _ObjectAgent(OutboundAgent):
    takes_coded = True


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
        self._reactor = reactor
        self._limits = limits or TimeLimits()
        self._proxies = proxies
        self._observe = observe
        self._agents: list[OutboundAgent] = []
        self._own = self._client(access)
        self._sts = self._client(sts) if sts is not None else None

    def _client(self, access: S3Access) -> S3Client:
        verified, limits = access.ssl_validate, self._limits
        bundle = verified if isinstance(verified, Path) else None
        agent = _ObjectAgent(
            self._reactor,
            tls_policy(bundle, verify=verified is not False),
            self._proxies,
            user_agent=USER_AGENT,
            connect_seconds=limits.connect_seconds,
        )
        self._agents.append(agent)
        return S3Client(access, agent, self._reactor, limits, self._observe)

    async def head(self, link: Link) -> ObjectFacts:
        """
        Look at an object; the link's etag does not matter.

        @raise ObjectMissing: it is not there; L{ObjectRefused}, of the same kind: S3 said 403.
        """
        return await self._by_whom_it_may(partial(_head, _place(link)))

    async def exists(self, link: Link) -> bool:
        """
        Whether an object is there.

        @raise ObjectRefused: S3 said 403, so nobody knows.
        """
        try:
            await self.head(link)
        except ObjectRefused:
            raise
        except ObjectMissing:
            return False
        return True

    async def read(self, link: Link, most: int) -> bytes:
        """
        Read a whole object of C{most} bytes or fewer.

        @raise ObjectMissing: it is not there.
        @raise ObjectTooLarge: it has more; they are not read.
        """

        async def read(client: S3Client) -> bytes:
            data: bytes = (await client.call("GetObject", _place(link), most=most))["Body"]
            return data

        return await self._by_whom_it_may(read)

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
        what = {"Body": data, "ContentType": content_type, "Metadata": metadata or {}}
        condition = {"IfNoneMatch": "*"} if only_if_absent else {}
        try:
            answer = await self._own.call("PutObject", _place(link) | what | condition)
            etag = unquoted(answer.get("ETag", ""))
        except ObjectChanged as there:
            # It may be from a try of ours that S3's answer did not come back from.
            etag = md5(data, usedforsecurity=False).hexdigest()
            if (await self.head(link)).etag != etag:
                text = "there is an object already"
                raise ObjectExists(there.verb, text, there.status) from None
        return Link(link.bucket, link.key, etag or (await self.head(link)).etag)

    async def delete(self, link: Link) -> None:
        """Delete an object; one that is gone is fine."""
        with suppress(ObjectMissing):
            await self._own.call("DeleteObject", _place(link))

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

        async def copy(client: S3Client) -> str:
            return await Copy(client, source, target, facts).make()

        return Link(target.bucket, target.key, await self._by_whom_it_may(copy))

    async def upload(
        self,
        file: int,
        target: Link,
        content_type: str,
        metadata: Mapping[str, str],
        run_in_thread: RunInThread,
    ) -> Link:
        """
        Make a file an object; in parts where it is large.

        @param file: its descriptor.
        @param run_in_thread: where the file is read.
        @return: the link with its etag.
        @raise ObjectMissing: the bucket is not there.
        """
        making = Upload(self._own, file, target, run_in_thread).make(content_type, metadata)
        return Link(target.bucket, target.key, await making)

    async def delete_with_uploads(self, link: Link) -> None:
        """Delete an object, and what was begun of it; neither has to be there."""
        await self.delete(link)
        await sweep(self._own, link)

    def presigned_get(self, link: Link) -> str:
        """
        A URL by which anybody can GET the object for a while (signature version 4).  It is a
        secret.
        """
        return self._own.presigned("GetObject", _place(link))

    def source(self, link: Link, facts: ObjectFacts) -> Source:
        """
        An object's bytes, for one answer to one client: a segment of it is asked for by one GET,
        and comes at the client's pace.

        Reading raises L{ObjectMissing}, L{ObjectChanged} when it is not what C{facts} say,
        L{S3Unavailable}.
        """
        wanted = {"IfMatch": quoted_etag(facts.etag), **_place(link)}

        async def open_range(offset: int, length: int) -> IResponse:
            part = {"Range": f"bytes={offset}-{offset + length - 1}"}
            whole = length == facts.size
            asked = wanted if whole else wanted | part
            return await self._by_whom_it_may(lambda client: client.open("GetObject", asked))

        return ObjectSource(open_range, facts, self._reactor, self._limits.read_seconds)

    async def check(self, bucket: str) -> None:
        """
        Ask S3 for a bucket, once and for a few seconds only: for probes.

        @raise S3Error: S3 does not answer well; its C{kind} says how.
        """
        await self._own.once("HeadBucket", {"Bucket": bucket}, _CHECK_SECONDS)

    async def close(self) -> None:
        """Close idle connections, at the end."""
        for agent in self._agents:
            await agent.close()

    async def _by_whom_it_may(self, what: Callable[[S3Client], Awaitable[T]]) -> T:
        """Do it as ourselves; what we are refused, as the owner of what others have stored."""
        try:
            return await what(self._own)
        except (S3Refused, ObjectRefused) as refused:
            if self._sts is None:
                raise
            try:
                return await what(self._sts)
            except (S3Refused, ObjectRefused):
                raise refused from None


def _place(link: Link) -> dict[str, Any]:
    return {"Bucket": link.bucket, "Key": link.key}


async def _head(place: Mapping[str, Any], client: S3Client) -> ObjectFacts:
    answer = await client.call("HeadObject", place)
    try:
        return ObjectFacts.of(answer)
    except ValueError as error:
        raise S3Unavailable(VERBS["HeadObject"], str(error)) from None
