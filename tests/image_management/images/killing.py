"""
The real service, killed at random points of moves and started again; what it leaves in S3 and in
its records is looked at from outside.
"""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from demo.service import ServiceProcess
from image_management.images.manifests import MANIFEST_TYPE
from tests.engines.faulty_proxy import Fault, FaultyProxy
from tests.engines.versitygw import BUCKETS, Versitygw, start_versitygw
from tests.image_management.images.bed import TYPES
from tests.image_management.service import Ims
from tests.running import base_environment

_START_SECONDS = 60
_MOST_REQUESTS = 64
"""About as many as a move of the image makes of S3."""

_PART = 5 * 1024 * 1024
"""The least that S3 takes for a part that is not the last."""

_SOON = 0.05


class KillingProxy(FaultyProxy):
    """Kills the service at one of the requests that it makes of S3."""

    process: ServiceProcess | None = None
    left: int | None = None
    """Requests until then; C{None}: it may live."""

    def fault_of(self, operation: str) -> Fault | None:
        fault = super().fault_of(operation)
        if operation == "HeadBucket" or self.left is None:
            return fault
        self.left -= 1
        if self.left >= 0:
            return fault
        self.left = None
        delay = random.choice((0.0, random.uniform(0, 0.02)))
        cast(Any, reactor).callLater(delay, self.kill)
        return random.choice((None, Fault.CUT))

    def kill(self) -> None:
        """Kill it now."""
        if self.process is not None and self.process.exit_status is None:
            self.process._signal("KILL")


class Killed(TestCase):
    """An image goes and comes back, and the service dies on the way, again and again."""

    timeout = 1800

    async def setUp(self) -> None:  # type: ignore[override]
        self.folder = Path(self.mktemp()).resolve()
        self.s3 = await start_versitygw(self)
        self.proxy = KillingProxy(self.s3.access.endpoint)
        listening = cast(Any, reactor).listenTCP(0, self.proxy, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        self.proxy.port = listening.getHost().port
        self.addCleanup(self.end)
        await self.start()

    async def start(self) -> None:
        """Start the service where it left off."""
        environment = base_environment() | {
            "LISTEN_PORT": "0",
            "S3_ENDPOINT": self.proxy.endpoint,
            "S3_ACCESS_KEY": self.s3.access.access_key,
            "S3_SECRET_KEY": self.s3.access.secret_key,
            "IMS_DATA_DIR": str(self.folder),
        }
        process = ServiceProcess(cast(Any, reactor), environment, service="image-management")
        await process.start(_START_SECONDS)
        self.proxy.process = process
        self.ims = Ims(process, self.s3)

    async def end(self) -> None:
        """Kill the service."""
        self.proxy.kill()
        await self.dead()

    async def dead(self) -> None:
        process = self.ims.process
        await process.wait_for(lambda: process.exit_status is not None, "die", _START_SECONDS)

    # --- an image

    def make_objects(self) -> tuple[dict[str, bytes], dict[str, str]]:
        """Six artifacts, one of them in two parts, and a manifest of them; its link."""
        client, objects, entries = self.s3.client(), {}, []
        name = random.randbytes(8).hex()
        for place, (role, kind) in enumerate(TYPES.items()):
            bucket, key = BUCKETS[place % 2], f"{name}/{role}"
            data = random.randbytes(_PART + 1000 if role == "rootfs" else 100_000)
            if role == "rootfs":
                etag = _put_in_parts(client, bucket, key, data)
            else:
                etag = client.put_object(
                    Bucket=bucket, Key=key, Body=data, Metadata={"md5sum": role}
                )["ETag"].strip('"')
            link = {"path": f"s3://{bucket}/{key}", "etag": etag, "type": "s3"}
            objects[f"s3://{bucket}/{key}"] = data
            entries.append({"type": kind, "md5": role, "link": link})
        document = {"version": "1.0", "created": "2026-11-27 07:00:00", "artifacts": entries}
        link = self.ims.put(f"{name}/manifest.json", json.dumps(document).encode())
        objects[link["path"]] = json.dumps(document).encode()
        return objects, link

    async def check_kills(self, kills: int) -> None:
        """Started again and asked again, it has everything in one place each time."""
        done = 0
        while done < kills:
            objects, link = self.make_objects()
            id = (await self.ims.make("/v3/images", name="image", link=link))["id"]
            live, deleted = f"/v3/images/{id}", f"/v3/deleted/images/{id}"
            for method, path, body, end in (
                ("DELETE", live, None, "deleted"),
                ("PATCH", deleted, {"operation": "undelete"}, "live"),
                ("DELETE", live, None, "deleted"),
                random.choice(
                    (
                        (("DELETE", deleted, None, "gone")),
                        (("PATCH", deleted, {"operation": "undelete"}, "live")),
                    )
                ),
            ):
                await self.ask_and_die(method, path, body)
                done += 1
                await self.check(id, objects, link, end)
            if end == "live":
                await self.ask_and_die("DELETE", live.replace("v3", "v2"), None)
                done += 1
                await self.check(id, objects, link, "gone")

    async def ask_and_die(self, method: str, path: str, body: Any) -> None:
        """Ask, have the service die, start it again, and ask again."""
        self.proxy.left = random.randrange(_MOST_REQUESTS)
        status = None
        with suppress(ConnectionClosed, ConnectError, IndexError):
            status = (await self.ims.ask(method, path, body)).status
        if self.proxy.left is not None:
            # It was done before it came to that.
            self.assertEqual(status, 204)
            self.proxy.left = None
            self.proxy.kill()
        await self.dead()
        await self.start()
        answer = await self.ims.ask(method, path, body)
        self.assertIn(answer.status, {204, 404}, answer.text)
        while self.operations():
            await deferLater(cast(Any, reactor), _SOON)

    def operations(self) -> int:
        """How many are in the journal."""
        with closing(sqlite3.connect(f"file:{self.folder}/ims.db?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT count(*) FROM operations").fetchone()[0])

    # --- what is left of it

    async def check(
        self, id: str, objects: dict[str, bytes], link: dict[str, str], end: str
    ) -> None:
        """The record is where it has to be, and so is everything else; nothing else is anywhere."""
        there, uploads = _everything(self.s3)
        self.assertEqual(uploads, [])
        self.assertEqual(await self.ims.lists("/v3/images"), [id] if end == "live" else [])
        deleted = await self.ims.get("/v3/deleted/images")
        self.assertEqual([one["id"] for one in deleted], [id] if end == "deleted" else [])
        if end == "gone":
            self.assertEqual(there, {})
        elif end == "live":
            self.assertEqual({path: data for path, (data, _) in there.items()}, objects)
            record = await self.ims.get(f"/v3/images/{id}")
            self.assertEqual(record["link"], link)
            for entry in json.loads(there[link["path"]][0])["artifacts"]:
                self.assertEqual(entry["link"]["etag"], there[entry["link"]["path"]][1])
        else:
            path, etag = deleted[0]["link"]["path"], deleted[0]["link"]["etag"]
            self.assertEqual(path, f"s3://boot-images/deleted/{id}/deleted_manifest.json")
            data, its_etag = there.pop(path)
            self.assertEqual(etag, its_etag)
            moved = {}
            for entry in json.loads(data)["artifacts"]:
                path = entry["link"]["path"]
                moved[path.replace("/deleted/", "/", 1)], etag = there.pop(path)
                self.assertEqual(etag, entry["link"]["etag"])
                is_manifest = path.endswith("manifest.json")
                self.assertEqual(entry["type"] == MANIFEST_TYPE, is_manifest)
            self.assertEqual(moved, objects)
            self.assertEqual(there, {})


def _put_in_parts(client: Any, bucket: str, key: str, data: bytes) -> str:
    place = {"Bucket": bucket, "Key": key}
    upload = client.create_multipart_upload(**place, Metadata={"md5sum": "rootfs"})["UploadId"]
    parts = [
        {
            "PartNumber": number,
            "ETag": client.upload_part(**place, UploadId=upload, PartNumber=number, Body=part)[
                "ETag"
            ],
        }
        for number, part in enumerate((data[:_PART], data[_PART:]), 1)
    ]
    answer = client.complete_multipart_upload(
        **place, UploadId=upload, MultipartUpload={"Parts": parts}
    )
    return str(answer["ETag"].strip('"'))


def _everything(s3: Versitygw) -> tuple[dict[str, tuple[bytes, str]], list[Any]]:
    """All objects, by path: bytes and etag; and all unfinished uploads."""
    client, objects, uploads = s3.client(), {}, []
    for bucket in BUCKETS:
        for one in client.list_objects_v2(Bucket=bucket).get("Contents", ()):
            answer = client.get_object(Bucket=bucket, Key=one["Key"])
            path = f"s3://{bucket}/{one['Key']}"
            objects[path] = (answer["Body"].read(), answer["ETag"].strip('"'))
        uploads += client.list_multipart_uploads(Bucket=bucket).get("Uploads", ())
    return objects, uploads
