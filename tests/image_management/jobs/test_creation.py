"""What a new job needs, found out beside a real store and a real S3 server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from image_management.jobs.creation import JobCreation, JobDefaults, NewJob
from image_management.records.kinds import Kind
from image_management.records.links import Link
from image_management.records.record import Record
from image_management.records.schemas import new_record, read_input
from image_management.s3.objects import ObjectStore
from image_management.store.store import Store
from tests.engines.versitygw import Versitygw, start_versitygw
from tests.httpd.outbound.servers import trial_reactor
from tests.image_management.service import PUBLIC_KEY
from tests.image_management.store.case import CREATED, OnSqlite, StoreCase

DEFAULTS = JobDefaults(
    build_env_size=60, job_mem_size=8, enable_dkms=True, longest_manifest=1024 * 1024
)
ROOT = "application/vnd.cray.image.rootfs.squashfs"


class CreationTests(OnSqlite, StoreCase):
    store: Store
    s3: Versitygw
    creation: JobCreation

    async def prepared(
        self, artifact: Record, key: Record, defaults: JobDefaults = DEFAULTS, **members: Any
    ) -> NewJob:
        """A job of an artifact."""
        objects = ObjectStore(trial_reactor(), self.s3.access)
        self.addCleanup(objects.close)
        given = {
            "job_type": "create" if artifact.kind is Kind.RECIPE else "customize",
            "artifact_id": artifact.id,
            "public_key_id": key.id,
            "image_root_archive_name": "new",
            **members,
        }
        creation = JobCreation(self.store, objects, defaults)
        return await creation.prepare(read_input(Kind.JOB, given), CREATED)

    def put(self, bucket: str, key: str, data: bytes, **metadata: str) -> dict[str, str]:
        put = self.s3.client().put_object(Bucket=bucket, Key=key, Body=data, Metadata=metadata)
        return Link(bucket, key, put["ETag"].strip('"')).document

    async def add(self, kind: Kind, **members: Any) -> Record:
        return await self.store.add(new_record(kind, members, CREATED))

    async def recipe(self, name: str, **members: Any) -> Record:
        link = self.put("ims", name, b"recipe", md5sum=f"md5 of {name}")
        given = {"name": name, "recipe_type": "kiwi-ng", "linux_distribution": "sles15"}
        return await self.add(Kind.RECIPE, **given, link=link, **members)

    async def image(self, name: str, metadata: Mapping[str, str], **members: Any) -> Record:
        root = self.put("boot-images", f"{name}/rootfs", b"hsqs", **metadata)
        entry = {"type": ROOT, "md5": "of the manifest", "link": root}
        manifest = json.dumps({"version": "1.0", "artifacts": [entry]}).encode()
        link = self.put("boot-images", f"{name}/manifest.json", manifest)
        return await self.add(Kind.IMAGE, name=name, link=link, **members)

    async def test_prepared(self) -> None:
        self.s3 = await start_versitygw(self)
        self.store = self.open_store()
        key = await self.add(Kind.PUBLIC_KEY, name="k", public_key=PUBLIC_KEY)
        plain = await self.recipe("plain", require_dkms=False)
        arm = await self.recipe("arm", require_dkms=False, arch="aarch64")
        known = await self.image("known", {"md5sum": "of the object"})
        unknown = await self.image("unknown", {})

        new = await self.prepared(plain, key)
        self.assertEqual(new.source.link, plain.link)
        self.assertEqual(new.source.md5, "md5 of plain")
        self.assertEqual(new.public_key, PUBLIC_KEY)
        self.assertEqual(new.artifact, plain)
        expected = {
            "job_type": "create",
            "status": "creating",
            "artifact_id": plain.id,
            "public_key_id": key.id,
            "arch": "x86_64",
            "build_env_size": 60,
            "job_mem_size": 8,
            "enable_debug": False,
            "kernel_file_name": "vmlinuz",
            "initrd_file_name": "initrd",
            "kernel_parameters_file_name": "kernel-parameters",
            "require_dkms": False,
            "ssh_containers": [],
            "resultant_image_id": None,
        }
        document = new.record.document
        self.assertEqual({name: document[name] for name in expected}, expected)

        container = {"status": "pending", "connection_info": {}}
        debug = {"name": "debug", "jail": False, **container}
        customize = {"name": "customize", "jail": False, **container}
        mine = {"name": "mine", "jail": True, **container}
        for artifact, sent, members in (
            (plain, {"enable_debug": "yes"}, {"ssh_containers": [debug], "enable_debug": True}),
            (plain, {"require_dkms": "1"}, {"require_dkms": True}),
            (plain, {"kernel_file_name": ""}, {"kernel_file_name": "vmlinuz"}),
            (plain, {"kernel_file_name": "bzImage"}, {"kernel_file_name": "bzImage"}),
            (plain, {"build_env_size": "15"}, {"build_env_size": 15, "job_mem_size": 8}),
            (arm, {}, {"arch": "aarch64", "kernel_file_name": "Image", "require_dkms": True}),
            (arm, {"require_dkms": False}, {"require_dkms": True}),
            (arm, {"kernel_file_name": "vmlinuz"}, {"kernel_file_name": "Image"}),
            (arm, {"kernel_file_name": "Image.gz"}, {"kernel_file_name": "Image.gz"}),
            (known, {}, {"ssh_containers": [customize], "require_dkms": True}),
            (known, {"ssh_containers": None}, {"ssh_containers": [customize]}),
            (known, {"ssh_containers": []}, {"ssh_containers": [customize]}),
            (
                known,
                {"ssh_containers": [{"name": "mine", "jail": "on"}]},
                {"ssh_containers": [mine]},
            ),
            (known, {"require_dkms": "off"}, {"require_dkms": False}),
        ):
            document = (await self.prepared(artifact, key, **sent)).record.document
            self.assertEqual({name: document[name] for name in members}, members, sent)

        no_dkms = JobDefaults(60, 8, enable_dkms=False, longest_manifest=1024)
        document = (await self.prepared(known, key, no_dkms)).record.document
        self.assertFalse(document["require_dkms"])
        for artifact, md5 in ((known, "of the object"), (unknown, "of the manifest")):
            new = await self.prepared(artifact, key)
            self.assertEqual(new.source.md5, md5)
            self.assertEqual(new.source.link.key, f"{artifact.document['name']}/rootfs")
