"""Ceph's object gateway, which most sites run: one for all tests of a process."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from image_management.s3.access import S3Access
from tests.engines.versitygw import BUCKETS, boto3_client

_SCRIPT = Path(__file__).parent / "ceph.sh"
_POLL_SECONDS = 0.05


class Ceph:
    """
    A gateway with two users, of whom both may write into the buckets, which are the first's.

    @ivar access: as the user C{IMS}.
    @ivar sts: as the user C{STS}.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        port = _free_port()
        self.access = S3Access(f"http://127.0.0.1:{port}", "IMS", "IMS-SECRET")
        self.sts = replace(self.access, access_key="STS", secret_key="STS-SECRET")
        atexit.register(self._end)
        command = [str(_SCRIPT), str(directory), str(port), str(_free_port())]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"Ceph does not start: {(done.stdout + done.stderr)[-4000:]}")
        client = self.client()
        for bucket in BUCKETS:
            client.create_bucket(Bucket=bucket)
            client.put_bucket_acl(Bucket=bucket, GrantFullControl="id=IMS,id=STS")

    async def kill(self) -> None:
        """SIGKILL the gateway, and wait until it is gone."""
        self._signal(signal.SIGKILL)
        while self._gateway().exists():
            time.sleep(_POLL_SECONDS)

    async def start(self) -> None:
        """Start the gateway again, where it does not run, and wait until it answers; blocking."""
        if self._gateway().exists():
            return
        options = ["--name", "client.rgw", "--conf", str(self.directory / "ceph.conf")]
        root = ["--setuser", "root", "--setgroup", "root"]
        subprocess.run(["radosgw", *options, *root], check=True)
        while not self._answers():
            time.sleep(_POLL_SECONDS)

    def pause(self) -> None:
        """Have the gateway answer nothing, while its connections stay, until L{resume}."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Have it go on."""
        self._signal(signal.SIGCONT)

    def _pid(self) -> int:
        return int((self.directory / "client.rgw.pid").read_text())

    def _gateway(self) -> Path:
        return Path("/proc", str(self._pid()))

    def _signal(self, number: int) -> None:
        os.kill(self._pid(), number)

    def _answers(self) -> bool:
        try:
            self.client().list_buckets()
        except (BotoCoreError, ClientError):
            return False
        return True

    def _end(self) -> None:
        subprocess.run([str(_SCRIPT), str(self.directory), "stop"], check=True)
        shutil.rmtree(self.directory)

    def client(self) -> Any:
        """A boto3 client of C{IMS}."""
        return boto3_client(self.access)

    def empty(self) -> None:
        """Have nothing in the buckets."""
        client = self.client()
        for bucket in BUCKETS:
            for one in client.list_objects_v2(Bucket=bucket).get("Contents", []):
                client.delete_object(Bucket=bucket, Key=one["Key"])
            for one in client.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
                upload = {"Key": one["Key"], "UploadId": one["UploadId"]}
                client.abort_multipart_upload(Bucket=bucket, **upload)


@cache
def ceph() -> Ceph:
    """The one of this process; the first time it blocks for a quarter of a minute."""
    return Ceph(Path(mkdtemp(prefix="ceph-")))


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
