"""What clients ask over HTTP, with Ceph's object gateway beside; C{make ceph-test} runs it."""

from __future__ import annotations

from tests.engines.ceph import Ceph, ceph
from tests.engines.versitygw import boto3_client
from tests.image_management.clients import test_ims_python_helper, test_services
from tests.image_management.routes import test_artifacts, test_jobs, test_links, test_records
from tests.image_management.service import S3, ServiceTestCase

UNDELETE = {"operation": "undelete"}


class OnCeph(ServiceTestCase):
    async def start_s3(self) -> S3:
        server = ceph()
        await server.start()  # a test may have killed it
        server.empty()
        return server


class ArtifactTests(OnCeph, test_artifacts.ArtifactTests):
    pass


class KeptJobTests(OnCeph, test_jobs.KeptJobTests):
    pass


class NewJobTests(OnCeph, test_jobs.NewJobTests):
    pass


class LinkTests(OnCeph, test_links.LinkTests):
    pass


class MoveTests(OnCeph, test_links.MoveTests):
    pass


class RecordTests(OnCeph, test_records.RecordTests):
    pass


class HelperTests(OnCeph, test_ims_python_helper.HelperTests):
    pass


class BootOrchestrationTests(OnCeph, test_services.BootOrchestrationTests):
    pass


class OwnerTests(OnCeph):
    """What the user C{STS} has put into the buckets is its own, and only it may read that."""

    async def test_there_and_back(self) -> None:
        server = await self.start_s3()
        assert isinstance(server, Ceph)
        sts = {"S3_STS_ACCESS_KEY": server.sts.access_key, "S3_STS_SECRET_KEY": "STS-SECRET"}
        ims = await self.start_beside(server, sts)
        link = ims.put_image("one", rootfs=b"of STS", kernel=b"of IMS")
        storage = boto3_client(server.sts)
        put = storage.put_object(Bucket="boot-images", Key="one/rootfs", Body=b"of STS")
        self.assertEqual(put["ResponseMetadata"]["HTTPStatusCode"], 200)
        image = await ims.make("/v3/images", name="x", link=link)
        rootfs = await ims.ask("GET", f"/v3/images/{image['id']}/artifacts/rootfs")
        self.assertEqual((rootfs.status, rootfs.body), (200, b"of STS"))
        keys = ims.keys()
        self.assert_nothing(await ims.ask("DELETE", f"/v3/images/{image['id']}"))
        deleted_manifest = f"deleted/{image['id']}/deleted_manifest.json"
        self.assertEqual(ims.keys(), {deleted_manifest, *(f"deleted/{key}" for key in keys)})
        path = f"/v3/deleted/images/{image['id']}"
        self.assert_nothing(await ims.ask("PATCH", path, UNDELETE))
        self.assertEqual(await ims.get("/v3/images"), [image])
        self.assertEqual(ims.keys(), keys)
        self.assert_nothing(await ims.ask("DELETE", f"/v2/images/{image['id']}"))
        self.assertEqual(ims.keys(), set())
