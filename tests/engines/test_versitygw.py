"""The S3 server of the tests does what they rely on."""

from __future__ import annotations

from dataclasses import replace
from urllib.request import urlopen

from botocore.exceptions import ClientError
from twisted.trial.unittest import TestCase

from tests.engines.versitygw import BUCKETS, boto3_client, start_versitygw


class VersitygwTests(TestCase):
    """It keeps what it has acknowledged, and refuses who has the wrong keys."""

    async def test_keeps_objects_and_metadata_over_sigkill(self) -> None:
        """Also its port."""
        server = await start_versitygw(self)
        client = server.client()
        client.put_object(Bucket="ims", Key="a b/é", Body=b"data", Metadata={"md5sum": "x"})
        await server.kill()
        await server.start()
        answer = client.get_object(Bucket="ims", Key="a b/é")
        self.assertEqual(answer["Body"].read(), b"data")
        self.assertEqual(answer["Metadata"], {"md5sum": "x"})
        buckets = [one["Name"] for one in client.list_buckets()["Buckets"]]
        self.assertEqual(buckets, sorted(BUCKETS))

    async def test_refuses_wrong_keys(self) -> None:
        """Unlike the imitations of S3 that there are."""
        server = await start_versitygw(self, "ims")
        client = boto3_client(replace(server.access, secret_key="wrong"))
        error = self.assertRaises(ClientError, client.list_objects_v2, Bucket="ims")
        self.assertEqual(error.response["Error"]["Code"], "SignatureDoesNotMatch")

    async def test_has_other_users(self) -> None:
        """Who may do what a bucket's policy allows."""
        server = await start_versitygw(self, "ims")
        server.client().put_object(Bucket="ims", Key="a", Body=b"data")
        client = boto3_client(server.add_user("OTHER", "other-secret"))
        error = self.assertRaises(ClientError, client.get_object, Bucket="ims", Key="a")
        self.assertEqual(error.response["Error"]["Code"], "AccessDenied")

    async def test_two_servers_do_not_meet(self) -> None:
        """Each has its own port and directory."""
        one = await start_versitygw(self, "ims")
        two = await start_versitygw(self, "ims")
        one.client().put_object(Bucket="ims", Key="a", Body=b"one")
        self.assertNotIn("Contents", two.client().list_objects_v2(Bucket="ims"))
        url = one.client().generate_presigned_url("get_object", {"Bucket": "ims", "Key": "a"})
        with urlopen(url) as answer:
            self.assertEqual(answer.read(), b"one")
