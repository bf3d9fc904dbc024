"""A real S3 server that fails: single failures nobody notices, and lasting ones change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from image_management.images.links import LinkChecks
from image_management.records.kinds import Kind
from image_management.s3.access import S3Access
from image_management.s3.errors import S3Error
from image_management.s3.objects import ObjectStore
from tests.engines.faulty_proxy import Fault, start_faulty_proxy
from tests.engines.versitygw import BUCKETS, start_versitygw
from tests.httpd.outbound.servers import trial_reactor
from tests.image_management.images.bed import Bed
from tests.image_management.s3.case import QUICK
from tests.image_management.store.case import OnSqlite

_OPERATIONS = ("HeadObject", "GetObject", "CopyObject", "PutObject", "DeleteObject")
_FAULTS = (Fault.CUT, Fault.UNAVAILABLE, Fault.CUT_AFTER, Fault.ERROR_AFTER)


class FaultyS3Tests(OnSqlite, Bed):
    """Soft delete and undelete of six artifacts."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.s3 = await start_versitygw(self)
        self.proxy = start_faulty_proxy(self, self.s3.access.endpoint)
        super().setUp()

    def make_objects(self) -> ObjectStore:
        own = self.s3.access
        access = S3Access(self.proxy.endpoint, own.access_key, own.secret_key)
        objects = ObjectStore(trial_reactor(), access, limits=QUICK)
        self.addCleanup(objects.close)
        return objects

    async def all_objects(self) -> Mapping[str, tuple[bytes, str, Mapping[str, str], str]]:
        client: Any = self.s3.client()
        there = {}
        for bucket in BUCKETS:
            self.assertNotIn("Uploads", client.list_multipart_uploads(Bucket=bucket))
            for one in client.list_objects_v2(Bucket=bucket).get("Contents", ()):
                got = client.get_object(Bucket=bucket, Key=one["Key"])
                facts = (got["Body"].read(), got["ContentType"], got["Metadata"])
                there[f"s3://{bucket}/{one['Key']}"] = (*facts, got["ETag"].strip('"'))
        return there

    async def test_once(self) -> None:
        """Each kind of call fails once in each way, done or not: it is tried again."""
        sample = await self.sample()
        await LinkChecks(self.objects, 65536).check(Kind.IMAGE, sample.manifest)
        for fault in _FAULTS:
            for operation in _OPERATIONS:
                self.proxy.fail(operation, fault)
            await self.images.soft_delete(Kind.IMAGE, sample.id)
            self.assertEqual(await self.where(sample), "deleted")
            for operation in _OPERATIONS:
                self.proxy.fail(operation, fault)
            await self.images.undelete(Kind.IMAGE, sample.id)
            self.assertEqual(await self.where(sample), "live")

    async def test_for_good(self) -> None:
        """Each kind of call fails for good: all or nothing, and then it is asked again."""
        sample = await self.sample()
        for operation, fault in zip(_OPERATIONS, (*_FAULTS, Fault.CUT_AFTER), strict=True):
            with self.told((operation, fault)):
                spared = 0 if operation in {"GetObject", "PutObject"} else 1
                self.proxy.fail(operation, fault, inf, spared=spared)
                try:
                    await self.images.soft_delete(Kind.IMAGE, sample.id)
                except S3Error:
                    await self.store.get(Kind.IMAGE, sample.id)
                    self.proxy.heal()
                    await self.images.soft_delete(Kind.IMAGE, sample.id)
                self.proxy.heal()
                await self.settle()
                self.assertEqual(await self.where(sample), "deleted")
                await self.images.undelete(Kind.IMAGE, sample.id)
                self.assertEqual(await self.where(sample), "live")
