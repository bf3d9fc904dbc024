"""Tests of the object store, against an S3 server that works, or that fails as a test says."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from hashlib import md5
from typing import Any, Protocol

from boto3.s3.transfer import TransferConfig
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from image_management.records.links import Link
from image_management.s3.access import S3Access, TimeLimits
from image_management.s3.objects import ObjectStore
from tests.engines.faulty_proxy import FaultyProxy, start_faulty_proxy
from tests.engines.versitygw import start_versitygw
from tests.httpd.outbound.servers import trial_reactor

MIB = 1024 * 1024
IN_PARTS = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB)
"""As boto3 does it by itself."""

SMALL_PARTS = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)


QUICK = TimeLimits(pauses=(0.01, 0.02, 0.03))
"""Further tries come as soon as that."""


class Engine(Protocol):
    """An S3 server that runs."""

    @property
    def access(self) -> S3Access:
        """For the one whose buckets they are."""

    def client(self) -> Any:
        """A boto3 client, which blocks."""


class S3Case(TestCase):
    """
    A server with the buckets C{ims} and C{boot-images}, both empty.

    @ivar proxy: in front of it, on the way of C{store}.
    @ivar boto3: another client, not through the proxy.
    @ivar tries: what C{store} has tried, as (operation, outcome).
    """

    engine: Engine
    proxy: FaultyProxy
    store: ObjectStore
    boto3: Any

    async def start(self) -> Engine:
        """The server; another kind of it overrides this."""
        return await start_versitygw(self)

    async def setUp(self) -> None:  # type: ignore[override]
        self.engine = await self.start()
        self.tries: list[tuple[str, str]] = []
        self.proxy = start_faulty_proxy(self, self.engine.access.endpoint)
        self.boto3 = self.engine.client()
        self.store = self.store_of(self.engine.access, limits=QUICK)

    def store_of(
        self, access: S3Access, sts: S3Access | None = None, limits: TimeLimits | None = None
    ) -> ObjectStore:
        """An object store by way of the proxy, closed at the test's end."""

        def observe(operation: str, outcome: str, seconds: float) -> None:
            self.assertGreaterEqual(seconds, 0)
            self.tries.append((operation, outcome))

        proxied = replace(access, endpoint=self.proxy.endpoint)
        own = replace(sts, endpoint=self.proxy.endpoint) if sts else None
        store = ObjectStore(trial_reactor(), proxied, own, limits, observe=observe)
        self.addCleanup(store.close)
        return store

    def put(self, key: str, data: bytes, bucket: str = "ims", **more: Any) -> Link:
        """An object that another client has stored at once."""
        etag = self.boto3.put_object(Bucket=bucket, Key=key, Body=data, **more)["ETag"]
        return Link(bucket, key, etag.strip('"'))

    def put_in_parts(self, key: str, data: bytes, config: TransferConfig = IN_PARTS) -> Link:
        """An object that another client has stored in parts, as ims-python-helper does."""
        extra = {"Metadata": {"md5sum": md5(data).hexdigest()}, "ContentType": "x-image/rootfs"}
        self.boto3.upload_fileobj(io.BytesIO(data), "ims", key, ExtraArgs=extra, Config=config)
        etag = self.boto3.head_object(Bucket="ims", Key=key)["ETag"].strip('"')
        self.assertIn("-", etag)
        return Link("ims", key, etag)

    def keys(self, bucket: str = "ims") -> set[str]:
        """What there is."""
        contents = self.boto3.list_objects_v2(Bucket=bucket).get("Contents", [])
        return {one["Key"] for one in contents}

    def uploads(self) -> list[str]:
        """What there is of uploads that are not done."""
        return [
            one["Key"]
            for bucket in ("ims", "boot-images")
            for one in self.boto3.list_multipart_uploads(Bucket=bucket).get("Uploads") or []
        ]

    def stored(self, link: Link) -> bytes:
        """An object's bytes, as another client reads them."""
        answer = self.boto3.get_object(Bucket=link.bucket, Key=link.key)
        data: bytes = answer["Body"].read()
        return data


def noise(size: int) -> bytes:
    """Bytes of which no part is like another."""
    return os.urandom(size)


def turn() -> Deferred[None]:
    """One turn of the reactor."""
    done: Deferred[None] = Deferred()
    trial_reactor().callLater(0, done.callback, None)
    return done
