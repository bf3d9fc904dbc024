"""versitygw, an S3 server on a directory, as a process: the S3 of nearly all tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any, cast

import boto3
from botocore.config import Config
from twisted.trial.unittest import TestCase

from demo.s3_server import S3Server
from image_management.s3.access import S3Access
from tests.httpd.outbound.servers import trial_reactor

ACCESS_KEY = "AKIDIMSTESTKEY"
SECRET_KEY = "opensesame-s3-secret"
BUCKETS = ("boot-images", "ims")
"""The ones that image management uses by default."""


def boto3_client(access: S3Access) -> Any:
    """Another client of S3, which blocks: to prepare and to look at what is there."""
    config = Config(
        signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1}
    )
    return boto3.client(
        "s3",
        endpoint_url=access.endpoint,
        aws_access_key_id=access.access_key,
        aws_secret_access_key=access.secret_key,
        region_name=access.region,
        config=config,
    )


class Versitygw(S3Server):
    """The server, and what tests do with it."""

    def __init__(self, directory: Path) -> None:
        super().__init__(cast(Any, trial_reactor()), directory, ACCESS_KEY, SECRET_KEY)

    def client(self) -> Any:
        """A boto3 client of it."""
        return boto3_client(self.access)

    def pause(self) -> None:
        """Have it answer nothing, while its connections stay, until L{resume}."""
        self.signal("STOP")

    def resume(self) -> None:
        """Have it go on."""
        self.signal("CONT")

    def add_user(self, access_key: str, secret_key: str) -> S3Access:
        """Another user, who may do what bucket policies allow; blocking."""
        endpoint = self.access.endpoint
        login = ["--access", ACCESS_KEY, "--secret", SECRET_KEY, "--endpoint-url", endpoint]
        user = ["--access", access_key, "--secret", secret_key, "--role", "user"]
        command = [str(self.program()), "admin", *login, "create-user", *user]
        subprocess.run(command, check=True, capture_output=True, env={"PATH": os.defpath})
        return S3Access(endpoint, access_key, secret_key)


async def start_versitygw(test: TestCase, *buckets: str) -> Versitygw:
    """
    An S3 server with empty buckets, by default L{BUCKETS}; the test's end kills it.

    Call it first thing in C{setUp}: what builds the program the first time blocks.
    """
    server = Versitygw(Path(test.mktemp()).resolve())
    test.addCleanup(server.kill)
    await server.start()
    for bucket in buckets or BUCKETS:
        server.make_bucket(bucket)
    return server
