"""Copies by S3 itself: what they keep, what they leave behind, whatever goes wrong."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from hashlib import md5
from math import inf
from typing import Any

from image_management.records.links import Link
from image_management.s3 import copies
from image_management.s3.access import S3Access, TimeLimits
from image_management.s3.errors import (
    ObjectChanged,
    ObjectMissing,
    ObjectRefused,
    S3Refused,
    S3Unavailable,
)
from image_management.s3.objects import ObjectStore
from tests.engines.faulty_proxy import Fault
from tests.image_management.s3.case import MIB, SMALL_PARTS, S3Case, noise

IN_PARTS = (
    "HeadObject",
    "CreateMultipartUpload",
    "UploadPartCopy",
    "CompleteMultipartUpload",
    "ListMultipartUploads",
)
"""What a copy in parts consists of."""

NOTHING_DONE = (Fault.CUT, Fault.UNAVAILABLE, Fault.ERROR_IN_200)
DONE = (Fault.CUT_AFTER, Fault.ERROR_AFTER, Fault.CUT_WITHIN)


class CopyTests(S3Case):
    """The copy is what the source is."""

    async def copy(self, source: Link, store: ObjectStore | None = None) -> Link:
        """Copy, and see that everything is the same; the source stays."""
        store = store or self.store
        facts = await store.head(source)
        target = await store.copy(source, source.deleted(), facts)
        self.assertEqual(target, replace(source.deleted(), etag=target.etag))
        head = await store.head(target)
        self.assertEqual(replace(head, last_modified=None), replace(facts, last_modified=None))
        self.assertEqual(target.etag, source.etag)
        self.assertEqual(self.stored(target), self.stored(source))
        self.assertEqual(self.uploads(), [])
        return target

    async def test_at_once(self) -> None:
        fields: dict[str, Any] = {"ContentEncoding": "gzip", "Metadata": {"md5sum": "q"}}
        await self.copy(self.put("a/b", b"data", ContentType="x/y", **fields))
        await self.copy(self.put("empty", b""))
        self.assertEqual(self.proxy.seen["CopyObject"], 2)
        self.assertEqual(self.proxy.seen["CreateMultipartUpload"], 0)

    async def test_in_parts(self) -> None:
        """Of 8 MiB, as boto3 makes them, and then the same way back."""
        source = self.put_in_parts("a/rootfs", noise(20 * MIB))
        target = await self.copy(source)
        await self.store.delete(source)
        facts = await self.store.head(target)
        back = await self.store.copy(target, target.restored(), facts)
        self.assertEqual(back, source)
        self.assertEqual(facts.metadata, {"md5sum": md5(self.stored(back)).hexdigest()})

    async def test_one_part(self) -> None:
        """An ETag that ends in -1."""
        place = {"Bucket": "ims", "Key": "one"}
        upload = {**place, "UploadId": self.boto3.create_multipart_upload(**place)["UploadId"]}
        etag = self.boto3.upload_part(PartNumber=1, Body=b"data", **upload)["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        self.boto3.complete_multipart_upload(MultipartUpload=parts, **upload)
        await self.copy(Link("ims", "one", self.boto3.head_object(**place)["ETag"].strip('"')))

    async def test_parts_of_many_sizes(self) -> None:
        place = {"Bucket": "ims", "Key": "many"}
        upload = {**place, "UploadId": self.boto3.create_multipart_upload(**place)["UploadId"]}
        parts = []
        for number, size in enumerate((5 * MIB, 7 * MIB, 6 * MIB, 3), 1):
            part = self.boto3.upload_part(PartNumber=number, Body=noise(size), **upload)
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        self.boto3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload)
        etag = self.boto3.head_object(**place)["ETag"].strip('"')
        await self.copy(Link("ims", "many", etag))

    async def test_too_large_for_one_request(self) -> None:
        """It gets parts, whose ETag is another."""
        self.patch(copies, "LARGEST_AT_ONCE", 3)
        source = self.put("a", b"data", ContentType="x/y", Metadata={"md5sum": "q"})
        facts = await self.store.head(source)
        target = await self.store.copy(source, source.deleted(), facts)
        self.assertRegex(target.etag, "-1$")
        head = await self.store.head(target)
        self.assertEqual((head.content_type, head.metadata), (facts.content_type, facts.metadata))

    async def test_metadata_that_is_no_ascii(self) -> None:
        """By both ways."""
        data = noise(9 * MIB)
        written = await self.store.write(Link("ims", "a"), b"x", "x/y", {"name": "Grüße 日本"})
        await self.copy(written)
        facts = replace(await self.store.head(self.put_in_parts("b", data)), metadata={"n": "ü"})
        target = await self.store.copy(Link("ims", "b"), Link("ims", "c"), facts)
        self.assertEqual((await self.store.head(target)).metadata, {"n": "ü"})

    async def test_between_buckets(self) -> None:
        source = self.put("a", b"data", "boot-images")
        facts = await self.store.head(source)
        target = await self.store.copy(source, Link("ims", "b"), facts)
        self.assertEqual(self.stored(target), b"data")

    async def test_changed(self) -> None:
        for link in (self.put("a", b"data"), self.put_in_parts("b", noise(9 * MIB))):
            facts = replace(await self.store.head(link), etag="0" * 32)
            with self.assertRaises(ObjectChanged):
                await self.store.copy(link, link.deleted(), facts)
        self.assertEqual(self.keys(), {"a", "b"})

    async def test_gone(self) -> None:
        for link in (self.put("a", b"data"), self.put_in_parts("b", noise(9 * MIB))):
            facts = await self.store.head(link)
            with self.assertRaises(ObjectMissing):
                await self.store.copy(link, Link("no-such-bucket", "a"), facts)
            await self.store.delete(link)
            with self.assertRaises(ObjectMissing):
                await self.store.copy(link, link.deleted(), facts)
        self.assertEqual(self.keys(), set())
        self.assertEqual(self.uploads(), [])

    async def test_leftovers(self) -> None:
        """What a process has begun that was killed; other keys' uploads are others'."""
        source = self.put_in_parts("a", noise(9 * MIB))
        for key in ("deleted/a", "deleted/ab", "deleted/a"):
            self.boto3.create_multipart_upload(Bucket="ims", Key=key)
        await self.store.copy(source, source.deleted(), await self.store.head(source))
        self.assertEqual(self.uploads(), ["deleted/ab"])


class UnknownPartsTests(S3Case):
    """A server that does not tell parts: they are guessed."""

    async def test_guessed(self) -> None:
        for name, size in (("a", 9), ("b", 11), ("c", 18)):
            source = self.put_in_parts(name, noise(size * MIB), SMALL_PARTS)
            facts = await self.store.head(source)
            self.patch(copies.Copy, "_head", _knowing_no_parts(copies.Copy._head))
            target = await self.store.copy(source, source.deleted(), facts)
            self.assertEqual(target.etag, source.etag)
            self.assertEqual(self.stored(target), self.stored(source))
            self.assertEqual(self.uploads(), [])


Head = Callable[[copies.Copy, dict[str, Any]], Awaitable[Any]]


def _knowing_no_parts(head: Head) -> Head:
    """As of a server to which an object is one thing."""

    async def whole(self: copies.Copy, which: dict[str, Any]) -> Any:
        return await head(self, {key: which[key] for key in ("Bucket", "Key")})

    return whole


class FaultTests(S3Case):
    """S3 fails each request of a copy in turn."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.data = noise(9 * MIB)
        self.source = self.put_in_parts("a", self.data)
        self.facts = await self.store.head(self.source)

    async def copy(self) -> Link:
        return await self.store.copy(self.source, self.source.deleted(), self.facts)

    async def test_once(self) -> None:
        """Nobody notices; whether it was done or not."""
        for operation in IN_PARTS:
            for fault in (*NOTHING_DONE, *DONE):
                with self.subTest(operation=operation, fault=fault):
                    if operation == "HeadObject" and fault is Fault.ERROR_IN_200:
                        continue  # HEAD has no body
                    self.proxy.fail(operation, fault)
                    target = await self.copy()
                    self.assertEqual(target.etag, self.source.etag)
                    self.assertEqual(self.stored(target), self.data)
                    self.assertEqual(self.uploads(), [])
                    await self.store.delete(target)

    async def test_at_once(self) -> None:
        """Of the one request that a small object takes."""
        source = self.put("small", b"data")
        facts = await self.store.head(source)
        for fault in (*NOTHING_DONE, *DONE):
            with self.subTest(fault=fault):
                self.proxy.fail("CopyObject", fault)
                target = await self.store.copy(source, source.deleted(), facts)
                self.assertEqual(self.stored(target), b"data")
                await self.store.delete(target)

    async def test_for_good(self) -> None:
        """It is told after four tries, and nothing stays; once S3 works, a repeat goes well."""
        for operation in IN_PARTS[:-1]:
            with self.subTest(operation=operation):
                self.proxy.seen.clear()
                self.proxy.fail(operation, Fault.UNAVAILABLE, inf)
                with self.assertRaises(S3Unavailable) as caught:
                    await self.copy()
                self.assertEqual(caught.exception.kind, "503 Service Unavailable")
                self.assertEqual(self.keys(), {"a"})
                self.assertEqual(self.uploads(), [])
                self.assertTrue(4 <= self.proxy.seen[operation] <= 8)  # there are two parts
                self.proxy.heal()
        self.assertEqual((await self.copy()).etag, self.source.etag)

    async def test_everything_for_good(self) -> None:
        """Then uploads may stay; the next that goes well gives them up."""
        for operation in ("UploadPartCopy", "AbortMultipartUpload", "ListMultipartUploads"):
            self.proxy.fail(operation, Fault.CUT, inf)
        with self.assertRaises(S3Unavailable) as caught:
            await self.copy()
        self.assertEqual(caught.exception.verb, "copy of a part of the object")
        self.assertEqual(self.uploads(), ["deleted/a"])
        self.proxy.heal()
        self.assertEqual((await self.copy()).etag, self.source.etag)
        self.assertEqual(self.uploads(), [])

    async def test_silence(self) -> None:
        """Nothing comes in time; a further try has an answer."""
        store = self.store_of(self.engine.access, limits=TimeLimits(1, 0.5))
        small = self.put("small", b"data")
        facts = await store.head(small)
        self.proxy.fail("CopyObject", Fault.SILENT)
        self.assertEqual(self.stored(await store.copy(small, small.deleted(), facts)), b"data")
        self.assertIn(("CopyObject", "timeout"), self.tries)


class OwnerTests(S3Case):
    """What another user has stored is looked at, read and copied as that user."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.sts = self.engine.access
        self.ims = await self.other_user()

    async def other_user(self) -> S3Access:
        """Who may do everything but read what is below C{theirs/}, which is the first one's."""
        # One that is only a directory has no owner, and then versitygw knows nothing of others.
        self.boto3.delete_bucket(Bucket="ims")
        self.boto3.create_bucket(Bucket="ims")
        user = self.engine.add_user("IMSUSER", "ims-secret")  # type: ignore[attr-defined]
        objects, everybody = "arn:aws:s3:::ims/*", {"AWS": ["IMSUSER"]}
        allow = {"Effect": "Allow", "Principal": everybody, "Action": "s3:*"}
        deny = {"Effect": "Deny", "Principal": everybody, "Action": "s3:GetObject"}
        statements = [
            allow | {"Resource": ["arn:aws:s3:::ims", objects]},
            deny | {"Resource": ["arn:aws:s3:::ims/theirs/*"]},
            deny | {"Resource": ["arn:aws:s3:::ims/deleted/theirs/*"]},
        ]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.boto3.put_bucket_policy(Bucket="ims", Policy=policy)
        assert isinstance(user, S3Access)
        return user

    async def test_theirs(self) -> None:
        small = self.put("theirs/small", b"data")
        large = self.put_in_parts("theirs/large", noise(9 * MIB))
        alone, both = self.store_of(self.ims), self.store_of(self.ims, self.sts)
        for link in (small, large):
            with self.assertRaises(ObjectRefused):
                await alone.head(link)
            facts = await both.head(link)
            for doing in (
                alone.read(link, facts.size),
                alone.copy(link, link.deleted(), facts),
            ):
                with self.assertRaises(S3Refused):
                    await doing
            self.assertEqual(self.uploads(), [])
            data = self.stored(link)
            self.assertEqual(await both.read(link, facts.size), data)
            target = await both.copy(link, link.deleted(), facts)
            self.assertEqual(target.etag, link.etag)
            self.assertEqual(self.stored(target), data)
            await both.delete(link)
            self.assertEqual(self.uploads(), [])
        self.assertEqual(self.keys(), {"deleted/theirs/small", "deleted/theirs/large"})

    async def test_nobodys(self) -> None:
        """Refused to both, and not there."""
        wrong = replace(self.ims, secret_key="wrong")
        store = self.store_of(wrong, replace(self.ims, secret_key="wrong, too"))
        with self.assertRaises(ObjectRefused):
            await store.head(Link("ims", "none"))
        store = self.store_of(wrong, self.ims)
        with self.assertRaises(ObjectMissing) as caught:
            await store.head(Link("ims", "none"))
        self.assertNotIsInstance(caught.exception, ObjectRefused)
