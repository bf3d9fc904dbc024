"""
What image management's records cost, and how long anybody waits while an image of GiB moves, and
while two jobs work: C{make bench-ims}.

Nothing is asserted; the figures are printed, in milliseconds.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.internet.threads import deferToThread

from demo.service import ServiceProcess
from tests.engines.versitygw import Versitygw
from tests.image_management.jobs.local.archives import tar_of
from tests.running import base_environment

RECORDS = 10_000
_ASKED = 1_000
_LISTS = 20
GIB = 4
_PART = 64 << 20
_BUCKET = "boot-images"
_START_SECONDS = 60.0
_JOBS = 2
_IS_ROOT = os.getuid() == 0
_PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGo/+SxPiTEkoPeG15lCIUblFGtdv+m1QGADkxjOyr+d"

# In place of kiwi-ng: a root file system of some hundred MiB, which is then packed as any other.
_KIWI = """\
#!/bin/sh
set -eu
for target; do :; done
mkdir -p "$target/build/image-root/boot"
cp -a /usr/bin "$target/build/image-root/"
echo kernel > "$target/build/image-root/boot/vmlinuz"
echo initrd > "$target/build/image-root/boot/initrd"
"""


async def measure(reactor: Any, directory: Path, records: int, gib: int) -> None:
    """Print the figures."""
    s3 = Versitygw(directory / "s3")
    await s3.start()
    for bucket in (_BUCKET, "ims"):
        s3.make_bucket(bucket)
    kiwi = directory / "kiwi"
    kiwi.write_text(_KIWI)
    kiwi.chmod(0o755)
    settings = {
        "IMS_JOB_BACKEND": "local" if _IS_ROOT else "none",
        "IMS_KIWI": str(kiwi),
        "S3_ENDPOINT": s3.access.endpoint,
        "S3_ACCESS_KEY": s3.access.access_key,
        "S3_SECRET_KEY": s3.access.secret_key,
        "IMS_DATA_DIR": str(directory / "records"),
        "LISTEN_PORT": "0",
    }
    service = ServiceProcess(
        reactor, base_environment() | settings, lambda _line: None, "image-management"
    )
    await service.start(_START_SECONDS)
    client = Client(service.ports["http"])
    try:
        await deferToThread(records_cost, client, records)
        print(f"peak memory with {records} images: {service.peak_memory >> 20} MiB")
        lines = len(service.lines)
        await deferToThread(client.ask, "GET", "/v3/images")
        written = sum(map(len, service.lines[lines:]))
        print(f"a list of all writes {written} bytes to the log")
        await deferToThread(moving_cost, client, s3, gib)
        print(f"peak memory after the move: {service.peak_memory >> 20} MiB")
        if _IS_ROOT:
            await deferToThread(working_cost, Client(client.port), s3)
        else:
            print("only root can have jobs worked on: not measured")
    finally:
        await service.stop(_START_SECONDS)
        await s3.kill()


class Client:
    """Asks on one connection, one request after the other."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """
        The answer.

        @raise AssertionError: it is a refusal.
        """
        sent = None if body is None else json.dumps(body)
        self._connection.request(method, path, sent, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        data = response.read()
        assert response.status < 300, f"{method} {path}: {response.status} {data[:300]!r}"
        return json.loads(data) if data else None

    def ask_for_text(self, path: str) -> str:
        """What a text at a path says, once it is whole."""
        self._connection.request("GET", path)
        return self._connection.getresponse().read().decode()

    def timed(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> float:
        """How many milliseconds it took."""
        started = time.perf_counter()
        self.ask(method, path, body)
        return 1000 * (time.perf_counter() - started)


def records_cost(client: Client, records: int) -> None:
    """POST of each, and with all of them there PATCH and GET of one, and the whole list."""
    metadata = {"team": "os", "built-by": "bench"}
    tell(
        "POST",
        (
            client.timed("POST", "/v3/images", {"name": f"image-{n}", "metadata": metadata})
            for n in range(records)
        ),
    )
    ids = [image["id"] for image in client.ask("GET", "/v3/images")]
    chosen = random.Random(1).sample(ids, min(_ASKED, len(ids)))
    change = {"metadata": {"operation": "set", "key": "team", "value": "network"}}
    tell("PATCH", (client.timed("PATCH", f"/v3/images/{id}", change) for id in chosen))
    tell("GET of one", (client.timed("GET", f"/v3/images/{id}") for id in chosen))
    tell("the whole list", (client.timed("GET", "/v3/images") for _ in range(_LISTS)))


def moving_cost(client: Client, s3: Versitygw, gib: int) -> None:
    """Lists, one after the other, while an image with an artifact of C{gib} GiB moves and back."""
    image = _large_image(client, s3, gib)
    steps: Iterable[tuple[str, Callable[[Client], Any]]] = (
        ("soft delete", lambda one: one.ask("DELETE", f"/v3/images/{image}")),
        (
            "undelete",
            lambda one: one.ask("PATCH", f"/v3/deleted/images/{image}", {"operation": "undelete"}),
        ),
    )
    for name, step in steps:
        tell_lists(client, f"a {name} of {gib} GiB", partial(step, Client(client.port)))


def working_cost(client: Client, s3: Versitygw) -> None:
    """The same while two jobs build, pack and upload an image each."""
    recipe = _recipe(client, s3)
    key = client.ask("POST", "/v3/public-keys", {"name": "bench", "public_key": _PUBLIC_KEY})
    members = {
        "job_type": "create",
        "artifact_id": recipe,
        "public_key_id": key["id"],
        "image_root_archive_name": "built",
        "build_env_size": 8,
        "job_mem_size": 2,
    }

    def work() -> None:
        jobs = [client.ask("POST", "/v3/jobs", members)["id"] for _ in range(_JOBS)]
        for id in jobs:
            client.ask_for_text(f"/v3/jobs/{id}/log?follow=true")
            status = client.ask("GET", f"/v3/jobs/{id}")["status"]
            assert status in {"success", "packaging_artifacts"}, status

    tell_lists(client, f"{_JOBS} jobs", work)


def tell_lists(client: Client, what: str, work: Callable[[], object]) -> None:
    """Print how long lists take, one after the other, while something is done."""
    path = "/v3/images?limit=100"
    command = [sys.executable, "-m", "tests.bench.asking", str(client.port), path]
    # A process of its own: threads of one Python wait for each other as long as is measured here.
    with Popen(command, stdin=PIPE, stdout=PIPE) as asking:
        started = time.perf_counter()
        work()
        seconds = time.perf_counter() - started
        written, _ = asking.communicate()
    tell(f"GET {path} during {what} ({seconds:.1f} s)", json.loads(written))


def _recipe(client: Client, s3: Versitygw) -> str:
    """A recipe whose archive says nothing: what stands in for kiwi asks nothing."""
    data = tar_of({"config.xml": b"<image/>"})
    s3.client().put_object(Bucket="ims", Key="recipe.tar.gz", Body=data)
    link = {"path": "s3://ims/recipe.tar.gz", "type": "s3"}
    members = {"recipe_type": "kiwi-ng", "linux_distribution": "debian", "arch": "x86_64"}
    recipe = client.ask("POST", "/v3/recipes", {"name": "bench", "link": link, **members})
    return str(recipe["id"])


def _large_image(client: Client, s3: Versitygw, gib: int) -> str:
    """An image whose root file system has so many GiB, uploaded in parts."""
    id = str(client.ask("POST", "/v3/images", {"name": "large"})["id"])
    storage, key = s3.client(), f"{id}/rootfs"
    upload = storage.create_multipart_upload(Bucket=_BUCKET, Key=key)["UploadId"]
    part = random.Random(2).randbytes(_PART)
    parts = []
    for number in range(1, (gib << 30) // _PART + 1):
        answer = storage.upload_part(
            Bucket=_BUCKET, Key=key, UploadId=upload, PartNumber=number, Body=part
        )
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    storage.complete_multipart_upload(
        Bucket=_BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
    )
    etag = storage.head_object(Bucket=_BUCKET, Key=key)["ETag"].strip('"')
    link = {"path": f"s3://{_BUCKET}/{key}", "etag": etag, "type": "s3"}
    squashfs = "application/vnd.cray.image.rootfs.squashfs"
    digest = hashlib.md5(part, usedforsecurity=False).hexdigest()
    manifest = {
        "version": "1.0",
        "created": "2026-11-27T00:00:00+00:00",
        "artifacts": [{"type": squashfs, "md5": digest, "link": link}],
    }
    place = f"{id}/manifest.json"
    storage.put_object(Bucket=_BUCKET, Key=place, Body=json.dumps(manifest).encode())
    link = {"path": f"s3://{_BUCKET}/{place}", "type": "s3"}
    Client(client.port).ask("PATCH", f"/v3/images/{id}", {"link": link})
    return id


def tell(what: str, milliseconds: Iterable[float]) -> None:
    """Print how long something took."""
    taken = sorted(milliseconds)
    p50, p99 = (taken[int(len(taken) * part)] for part in (0.5, 0.99))
    print(
        f"{what}: {len(taken)} times, p50 {p50:.2f} ms, p99 {p99:.2f} ms, most {taken[-1]:.2f} ms",
        flush=True,
    )


def main() -> None:
    """C{python -m tests.bench.records [RECORDS [GIB]]}."""
    records = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    gib = int(sys.argv[2]) if len(sys.argv) > 2 else GIB
    directory = Path(tempfile.mkdtemp(prefix="bench-records-", dir="/var/tmp"))

    def begin(reactor: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(measure(reactor, directory, records, gib))

    try:
        react(begin)
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
