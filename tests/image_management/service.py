"""The real service beside a real S3 server, and requests to it over HTTP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from twisted.internet.endpoints import connectProtocol
from twisted.internet.tcp import Connection
from twisted.trial.unittest import TestCase

from demo.service import ServiceProcess
from image_management.s3.access import S3Access
from tests.certificates import identity
from tests.engines.versitygw import ACCESS_KEY, SECRET_KEY, start_versitygw
from tests.httpd.web.serving import CLEAR, Answer, Collecting, exchange, head_of, parsed
from tests.running import start_service

NOBODY = "8b2a1d1e-6a5c-4f6e-9f0e-0c1b2a3d4e5f"
"""The id of no record."""

COMMENT = "nobody-is-told-of-this-comment"

PUBLIC_KEY = (
    f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEQ5fcITJ5hElBYfF3THVr72pEdxVsTffvFRNlwQEruP {COMMENT}\n"
)


SECRETS = COMMENT, ACCESS_KEY, SECRET_KEY, "X-Amz"
"""What no error and no metric may show."""


class Unhurried(Collecting):
    """A client that takes the first piece of an answer, and the rest when it is told to."""

    def dataReceived(self, data: bytes) -> None:
        if not self.begun.called:
            connection_of(self).pauseProducing()
        super().dataReceived(data)

    def go_on(self) -> None:
        connection_of(self).resumeProducing()


def connection_of(client: Collecting) -> Connection:
    """How a client is connected."""
    return cast(Connection, client.transport)


C = TypeVar("C", bound=Collecting)


class S3(Protocol):
    """The S3 server beside a service."""

    @property
    def access(self) -> S3Access:
        """For the one whose buckets they are."""

    def client(self) -> Any:
        """A boto3 client, which blocks."""

    async def kill(self) -> None:
        """End it at once; what it had acknowledged stays."""

    async def start(self) -> None:
        """Start it again, at the same address."""

    def pause(self) -> None:
        """Have it answer nothing, until L{resume}."""

    def resume(self) -> None:
        """Have it go on."""


@dataclass(frozen=True, slots=True)
class Ims:
    """A running service, as its clients see it."""

    process: ServiceProcess
    s3: S3

    async def ask(
        self,
        method: str,
        path: str,
        given: Any = None,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """
        One request on a connection of its own.

        @param given: what is sent as JSON; C{None}: nothing.
        @param body: what is sent instead.
        """
        if given is not None:
            body = json.dumps(given).encode()
        sent = _request(method, path, body, headers or {})
        return parsed(await exchange(self.process.ports["http"], sent))

    async def begin(self, client: C, method: str, path: str) -> C:
        """Send a request, and let the client do what it does with the answer."""
        await connectProtocol(CLEAR.endpoint(self.process.ports["http"]), client)
        connection_of(client).write(_request(method, path, None, {}))
        return client

    async def ask_and_leave(self, method: str, path: str) -> None:
        """Send a request, and wait for no answer."""
        client = await self.begin(Collecting(), method, path)
        connection_of(client).loseConnection()
        await client.closed

    async def get(self, path: str) -> Any:
        """
        What a path has.

        @raise AssertionError: it has nothing.
        """
        return json_of(await self.ask("GET", path), 200)

    async def make(self, path: str, **members: Any) -> dict[str, Any]:
        """
        Make a record.

        @raise AssertionError: that was refused.
        """
        made: dict[str, Any] = json_of(await self.ask("POST", path, members), 201)
        return made

    async def lists(self, path: str) -> list[str]:
        """The ids of a collection."""
        return [one.get("id", one.get("xname")) for one in await self.get(path)]

    def put(self, path: str, data: bytes, bucket: str = "boot-images") -> dict[str, str]:
        """Have an object in S3; its link."""
        etag = self.s3.client().put_object(Bucket=bucket, Key=path, Body=data)["ETag"].strip('"')
        return {"path": f"s3://{bucket}/{path}", "etag": etag, "type": "s3"}

    def put_image(self, name: str, **artifacts: bytes) -> dict[str, str]:
        """
        Have an image in S3; the link of its manifest.

        @param artifacts: by the ends of their types; a root file system is always there.
        """
        types = {"rootfs": "rootfs.squashfs", "boot_parameters": "parameters.boot"}
        entries = [
            {
                "type": f"application/vnd.cray.image.{types.get(one, one)}",
                "md5": hashlib.md5(data).hexdigest(),
                "link": self.put(f"{name}/{one}", data),
            }
            for one, data in ({"rootfs": b"hsqs root"} | artifacts).items()
        ]
        manifest = {"version": "1.0", "created": "2026-01-01 00:00:00", "artifacts": entries}
        return self.put(f"{name}/manifest.json", json.dumps(manifest).encode())

    def keys(self, bucket: str = "boot-images") -> set[str]:
        """What is in a bucket."""
        listed = self.s3.client().list_objects_v2(Bucket=bucket)
        return {one["Key"] for one in listed.get("Contents", ())}


class ServiceTestCase(TestCase):
    """Runs the service."""

    timeout = 300

    async def start(self, settings: Mapping[str, str] | None = None) -> Ims:
        """Start it, beside an S3 server with its buckets; the test's end stops both."""
        return await self.start_beside(await self.start_s3(), settings)

    async def start_with_tls(self) -> Ims:
        """Start it with a certificate, and a plain listener besides."""
        directory = Path(self.mktemp()).resolve()
        directory.mkdir()
        key, certificate = identity("localhost").write(directory)
        return await self.start(
            {
                "HTTPS_KEY_FILE": str(key),
                "HTTPS_CERT_FILE": str(certificate),
                "HTTP_LISTEN_PORT": "0",
            }
        )

    async def start_s3(self) -> S3:
        """The S3 server, with empty buckets."""
        return await start_versitygw(self)

    async def start_beside(self, s3: S3, settings: Mapping[str, str] | None = None) -> Ims:
        """Start it beside an S3 server that is there."""
        process = await start_service(
            self,
            {
                "S3_ENDPOINT": s3.access.endpoint,
                "S3_ACCESS_KEY": s3.access.access_key,
                "S3_SECRET_KEY": s3.access.secret_key,
                "IMS_DATA_DIR": str(Path(self.mktemp()).resolve()),
                **(settings or {}),
            },
            service="image-management",
            secrets=(COMMENT, "X-Amz-Signature=", PUBLIC_KEY.split()[1]),
        )
        ims = Ims(process, s3)
        self.addCleanup(self.check_metrics, ims)
        return ims

    async def check_metrics(self, ims: Ims) -> None:
        """See that nothing secret is in what is measured, unless the test has ended the service."""
        if ims.process.exit_status is not None:
            return
        metrics = (await ims.ask("GET", "/metrics")).text
        self.assertIn("image_management_", metrics)
        for secret in SECRETS:
            self.assertNotIn(secret, metrics)

    def assert_problem(self, answer: Answer, status: int, text: str = "") -> dict[str, Any]:
        """See that an answer is a problem, and says what it should."""
        self.assertEqual(answer.status, status, answer.text)
        self.assertEqual(answer.header("content-type"), "application/problem+json")
        problem: dict[str, Any] = json.loads(answer.body)
        self.assertEqual(problem["status"], status)
        self.assertTrue(problem["title"] and problem["detail"])
        self.assertIn(text, answer.text)
        for secret in SECRETS:
            self.assertNotIn(secret, answer.text)
        return problem

    def assert_nothing(self, answer: Answer) -> None:
        """See that an answer is 204 as clients want it."""
        self.assertEqual((answer.status, answer.body), (204, b""), answer.text)
        self.assertEqual(answer.header("content-type"), "application/json")


def _request(method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
    fields = {"Host": "ims", "Connection": "close"}
    if body is not None:
        fields |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    return head_of(path, fields | dict(headers), method) + (body or b"")


def json_of(answer: Answer, status: int = 200) -> Any:
    """
    What an answer says.

    @raise AssertionError: it has another status.
    """
    if answer.status != status:
        raise AssertionError(f"{answer.status}, not {status}: {answer.text}")
    return json.loads(answer.body)
