"""The same cases against Ceph's object gateway; C{make ceph-test} runs them."""

from __future__ import annotations

from dataclasses import replace

from image_management.s3 import copies
from image_management.s3.access import S3Access
from tests.engines.ceph import Ceph, ceph
from tests.engines.versitygw import boto3_client
from tests.image_management.s3 import test_copies, test_objects, test_source
from tests.image_management.s3.case import MIB, Engine, S3Case


class OnCeph(S3Case):
    engine: Ceph

    async def start(self) -> Engine:
        server = ceph()
        server.empty()
        return server


class ObjectTests(OnCeph, test_objects.ObjectTests):
    pass


class RefusedTests(OnCeph, test_objects.RefusedTests):
    async def test_a_key_below_an_object(self) -> None:
        """Here there may be one."""
        self.put("a", b"data")
        await self.store.write(self.put("a/b", b""), b"x", "x/y")
        self.assertEqual(self.keys(), {"a", "a/b"})


class CopyTests(OnCeph, test_copies.CopyTests):
    async def test_changed(self) -> None:
        """Ceph 16 takes no notice of the condition; the copy's ETag is what came of it."""
        link = self.put("a", b"other data")
        facts = replace(await self.store.head(link), etag="0" * 32)
        self.assertEqual((await self.store.copy(link, link.deleted(), facts)).etag, link.etag)

    async def test_leftovers(self) -> None:
        """Of objects that are too large for one request: others have no uploads here."""
        self.patch(copies, "LARGEST_AT_ONCE", MIB)
        await super().test_leftovers()

    async def test_metadata_that_is_no_ascii(self) -> None:
        """In parts, too."""
        self.patch(copies, "LARGEST_AT_ONCE", MIB)
        await super().test_metadata_that_is_no_ascii()


class UnknownPartsTests(OnCeph, test_copies.UnknownPartsTests):
    pass


class FaultTests(OnCeph, test_copies.FaultTests):
    """In parts all the same, as of objects that are too large for one request."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.patch(copies, "LARGEST_AT_ONCE", MIB)


class SourceTests(OnCeph, test_source.SourceTests):
    pass


class OwnerTests(OnCeph, test_copies.OwnerTests):
    """What C{STS} has put into C{IMS}'s bucket is its own."""

    async def other_user(self) -> S3Access:
        self.sts = self.engine.sts
        self.boto3 = boto3_client(self.sts)
        return self.engine.access
