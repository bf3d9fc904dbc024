"""The real service with its local backend, images and recipes to work on, and OpenSSH."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.failure import Failure

from tests.httpd.web.serving import CLEAR, head_of
from tests.image_management.jobs.local.archives import tar_of
from tests.image_management.service import S3, SECRETS, Ims, ServiceTestCase
from tests.running import found_program, require_root

STAND_IN = Path(__file__).with_name("kiwi_stand_in.py")
"""A program in place of kiwi, which makes a root file system within no time."""


class Follower(Protocol):
    """Reads an answer as it comes."""

    def __init__(self) -> None:
        self.text = ""
        self.closed: Deferred[str] = Deferred()
        self._awaited: list[tuple[str, Deferred[None]]] = []
        self._more: list[Deferred[None]] = []

    def dataReceived(self, data: bytes) -> None:
        self.text += data.decode()
        more, self._more = self._more, []
        for one in more:
            one.callback(None)
        for awaited in [one for one in self._awaited if one[0] in self.text]:
            self._awaited.remove(awaited)
            awaited[1].callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        for text, deferred in self._awaited:
            deferred.errback(AssertionError(f"{text!r} did not come: {self.text}"))
        self.closed.callback(self.text)

    def more(self) -> Deferred[None]:
        """Fires when something comes."""
        more: Deferred[None] = Deferred()
        self._more.append(more)
        return more

    async def until(self, text: str) -> None:
        """Wait for a text."""
        if text not in self.text:
            deferred: Deferred[None] = Deferred()
            self._awaited.append((text, deferred))
            await deferred


@dataclass(frozen=True, slots=True)
class Host:
    """A service that works on jobs itself."""

    ims: Ims
    work_dir: Path
    key_file: Path
    public_key_id: str
    settings: Mapping[str, str] = field(repr=False)

    async def make_job(self, job_type: str, artifact_id: str, **members: Any) -> dict[str, Any]:
        """Begin a job."""
        return await self.ims.make(
            "/v3/jobs",
            **{
                "job_type": job_type,
                "artifact_id": artifact_id,
                "public_key_id": self.public_key_id,
                "image_root_archive_name": "new image",
                "build_env_size": 1,
                "job_mem_size": 1,
                **members,
            },
        )

    async def follow(self, job: Mapping[str, Any]) -> Follower:
        """Read its log until it is over."""
        follower: Follower = await connectProtocol(
            CLEAR.endpoint(self.ims.process.ports["http"]), Follower()
        )
        path = f"/v3/jobs/{job['id']}/log?follow=true"
        assert follower.transport is not None
        follower.transport.write(head_of(path, {"Host": "ims", "Connection": "close"}, "GET"))
        return follower

    async def ended(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The job when it is over."""
        log = await (await self.follow(job)).closed
        found = [secret for secret in SECRETS if secret in log]
        assert not found, found
        record: dict[str, Any] = await self.ims.get(f"/jobs/{job['id']}")
        while record["status"] not in {"success", "error"}:  # it is written down at once
            record = await self.ims.get(f"/jobs/{job['id']}")
        return {**record, "log": log}

    async def ssh(self, job: Mapping[str, Any], command: str) -> tuple[int, str]:
        """Run a command by OpenSSH; its exit status, and what it says."""
        record = await self.ims.get(f"/jobs/{job['id']}")
        place = record["ssh_containers"][0]["connection_info"]["cluster.local"]
        options = {
            "IdentityFile": self.key_file,
            "IdentitiesOnly": "yes",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": os.devnull,
            "BatchMode": "yes",
            "LogLevel": "ERROR",
        }
        out, errors, status = await getProcessOutputAndValue(
            found_program("ssh"),
            [
                *("-F", os.devnull, "-p", str(place["port"])),
                *(part for name, value in options.items() for part in ("-o", f"{name}={value}")),
                *(f"root@{place['host']}", command),
            ],
            {"PATH": os.environ["PATH"]},
        )
        return status, (out + errors).decode()

    async def artifacts(self, image_id: str) -> dict[str, bytes]:
        """The objects of an image, each as its manifest says."""
        image = await self.ims.get(f"/images/{image_id}")
        manifest = await self.object(image["link"])
        found = {}
        for entry in json.loads(manifest)["artifacts"]:
            data = await self.object(entry["link"])
            assert hashlib.md5(data).hexdigest() == entry["md5"]
            found[entry["link"]["path"].rpartition("/")[2]] = data
        return found

    async def object(self, link: Mapping[str, str]) -> bytes:
        bucket, _, key = link["path"].removeprefix("s3://").partition("/")
        found = self.ims.s3.client().get_object(Bucket=bucket, Key=key)
        assert found["ETag"].strip('"') == link["etag"]
        data: bytes = found["Body"].read()
        assert found["Metadata"]["md5sum"] == hashlib.md5(data).hexdigest()
        return data

    def left(self, job: Mapping[str, Any]) -> list[Path]:
        """What is in its folder besides the log and the notes."""
        folder = self.work_dir / job["id"]
        return [one for one in folder.iterdir() if one.name not in {"log", "job.json"}]


class HostCase(ServiceTestCase):
    """Runs the service as root, with its local backend."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        require_root()

    async def start_host(self, **settings: str) -> Host:
        """Start it; the test's end stops it."""
        return await self.start_host_beside(await self.start_s3(), settings)

    async def start_host_beside(self, s3: S3, settings: Mapping[str, str]) -> Host:
        """Start it beside an S3 server that is there."""
        kiwi = self.folder / "kiwi"
        kiwi.write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} "$@"\n')
        kiwi.chmod(0o755)
        work_dir = self.folder / "work"
        all_settings = {
            "IMS_JOB_BACKEND": "local",
            "IMS_DATA_DIR": str(self.folder / "data"),
            "IMS_WORK_DIR": str(work_dir),
            "IMS_SSH_HOST": "127.0.0.1",
            "IMS_SSH_PORTS": "0",
            "IMS_KIWI": str(kiwi),
            **settings,
        }
        ims = await self.start_beside(s3, all_settings)
        key_file = self.folder / "key"
        keygen = [found_program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(key_file)]
        subprocess.run(keygen, check=True)
        public = key_file.with_suffix(".pub").read_text()
        key = await ims.make("/public-keys", name="mine", public_key=public)
        return Host(ims, work_dir, key_file, key["id"], all_settings)

    async def restarted(self, host: Host) -> Host:
        """The same service, after it was killed."""
        ims = await self.start_beside(host.ims.s3, host.settings)
        return Host(ims, host.work_dir, host.key_file, host.public_key_id, host.settings)

    async def make_recipe(self, host: Host, files: Mapping[str, bytes], **members: Any) -> str:
        return await self.make_recipe_of(host, tar_of(files), **members)

    async def make_recipe_of(self, host: Host, archive: bytes, **members: Any) -> str:
        """A recipe's id."""
        key = f"{hashlib.md5(archive).hexdigest()}.tgz"
        host.ims.s3.client().put_object(
            Bucket="ims",
            Key=key,
            Body=archive,
            Metadata={"md5sum": hashlib.md5(archive).hexdigest()},
        )
        recipe = await host.ims.make(
            "/recipes",
            **{
                "name": "recipe",
                "recipe_type": "kiwi-ng",
                "linux_distribution": "debian12",
                "link": {"path": f"s3://ims/{key}", "type": "s3"},
                **members,
            },
        )
        return str(recipe["id"])

    async def make_image(self, host: Host, data: bytes, md5: str | None = "") -> str:
        """
        An image's id.

        @param md5: what its manifest says; empty: what is right, C{None}: nothing.
        """
        name = hashlib.md5(data + (md5 or "").encode()).hexdigest()
        link = host.ims.put(f"{name}/rootfs", data)
        kind = "application/vnd.cray.image.rootfs.squashfs"
        digest = {} if md5 is None else {"md5": md5 or hashlib.md5(data).hexdigest()}
        manifest = {
            "version": "1.0",
            "created": "2026-01-01 00:00:00",
            "artifacts": [{"type": kind, "link": link, **digest}],
        }
        link = host.ims.put(f"{name}/manifest.json", json.dumps(manifest).encode())
        image = await host.ims.make("/images", name="source", link=link)
        return str(image["id"])

    async def delete(self, host: Host, job: Mapping[str, Any]) -> None:
        """Delete a job, and see that nothing of it is left."""
        before = await host.ims.get(f"/jobs/{job['id']}")
        self.assert_nothing(await host.ims.ask("DELETE", f"/v3/jobs/{job['id']}"))
        for path in (f"/jobs/{job['id']}", f"/v3/jobs/{job['id']}/log"):
            self.assert_problem(await host.ims.ask("GET", path), 404)
        self.assertFalse((host.work_dir / job["id"]).exists())
        self.assertEqual(processes_of(job), [])
        self.assertNotIn(job["id"], Path("/proc/self/mountinfo").read_text())
        if port := port_of(before):
            self.assertFalse(listens(port))
        if before["resultant_image_id"] is None:
            image = str(uuid5(UUID(job["id"]), "image"))
            objects = [key.partition("/")[0] for key in (*host.ims.keys(), *uploads(host))]
            self.assertNotIn(image, objects)


def port_of(job: Mapping[str, Any]) -> int:
    """Where it listens, or is to; 0: nowhere."""
    for container in job["ssh_containers"]:
        return int(container["connection_info"]["cluster.local"]["port"])
    return 0


def listens(port: int) -> bool:
    """Whether anybody listens on a port here."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def uploads(host: Host) -> list[str]:
    """The keys of which there are unfinished uploads."""
    listed = host.ims.s3.client().list_multipart_uploads(Bucket="boot-images")
    return [one["Key"] for one in listed.get("Uploads", ())]


def processes_of(job: Mapping[str, Any]) -> list[str]:
    """What runs on behalf of a job."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if job["id"].encode() in words:
            found.append(words.replace(b"\0", b" ").decode(errors="replace"))
    return found
