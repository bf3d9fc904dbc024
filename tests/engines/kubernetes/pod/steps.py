"""
What the containers of Cray's jobs do, as far as image management notices: fetch an image's root,
let somebody log in, wait for the signal files, pack and upload, and report it all.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from socket import create_connection
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

SERVICE = f"http://{os.environ.get('API_GATEWAY_HOSTNAME')}"
JOB = os.environ.get("IMS_JOB_ID", "")
MEDIA_TYPES = {
    "rootfs": "application/vnd.cray.image.rootfs.squashfs",
    "kernel": "application/vnd.cray.image.kernel",
    "initrd": "application/vnd.cray.image.initrd",
}


def say(*words: object) -> None:
    print(*words, flush=True)


def ask(method: str, path: str, body: Any) -> Any:
    """What the service answers."""
    fields = {"Content-Type": "application/json"}
    request = Request(SERVICE + path, json.dumps(body).encode(), fields, method=method)
    with urlopen(request) as answer:
        return json.loads(answer.read() or b"null")


def report(**members: str) -> None:
    ask("PATCH", f"/v3/jobs/{JOB}", members)
    say("reported", *members.values())


def fetch(place: Path, url: str) -> None:
    report(status="fetching_image")
    archive = place / "image.sqsh"
    with urlopen(url) as answer, archive.open("wb") as file:
        shutil.copyfileobj(answer, file)
    wanted = os.environ.get("DOWNLOAD_MD5SUM")
    found = hashlib.md5(archive.read_bytes()).hexdigest()
    if wanted and wanted != found:
        report(status="error")
        sys.exit(f"the image's md5 is {found}, expected {wanted}")
    subprocess.run(["unsquashfs", "-q", "-n", "-d", place / "image-root", archive], check=True)
    archive.unlink()
    say("the image is fetched")


def package(place: Path) -> None:
    let_log_in()
    report(status="waiting_on_user")
    while not ((place / "complete").exists() or (place / "failed").exists()):
        time.sleep(0.2)
    try:
        if (place / "failed").exists():
            report(status="error")
        else:
            report(status="packaging_artifacts")
            report(resultant_image_id=upload(place))
            report(status="success")
    finally:
        (place / "over").touch()


def let_log_in() -> None:
    """Have the other container's server begin, and wait until it answers."""
    folder = Path("/etc/cray/ims")
    shutil.copy("/etc/cray/authorized_keys", folder / "authorized_keys")
    lines = f"AuthorizedKeysFile {folder}/authorized_keys", "StrictModes no"
    (folder / "new").write_text("\n".join([*lines, "PermitRootLogin prohibit-password", ""]))
    (folder / "new").rename(folder / "sshd_config")
    while True:
        try:
            create_connection(("127.0.0.1", 22)).close()
        except OSError:
            time.sleep(0.2)
        else:
            return


def upload(place: Path) -> str:
    """Make an image of the root; its id."""
    name = os.environ["IMAGE_ROOT_ARCHIVE_NAME"]
    image: str = ask("POST", "/v3/images", {"name": name})["id"]
    root, packed = place / "image-root", place / "new.sqsh"
    subprocess.run(["mksquashfs", root, packed, "-quiet", "-no-progress"], check=True)
    files = {"rootfs": packed}
    for role in ("kernel", "initrd"):
        path = root / "boot" / os.environ[f"{role.upper()}_FILENAME"]
        if path.is_file():
            files[role] = path
    artifacts = []
    for role, path in files.items():
        data = path.read_bytes()
        md5 = hashlib.md5(data).hexdigest()
        link = put(f"{image}/{role}", data, md5)
        artifacts.append({"type": MEDIA_TYPES[role], "md5": md5, "link": link})
    manifest = {"version": "1.0", "created": "2026-01-01 00:00:00", "artifacts": artifacts}
    link = put(f"{image}/manifest.json", json.dumps(manifest).encode(), "")
    ask("PATCH", f"/v3/images/{image}", {"link": link})
    return image


def put(key: str, data: bytes, md5: str) -> dict[str, str]:
    """Have an object in S3 (Amazon S3 API Reference, "Authenticating Requests"); its link."""
    bucket, endpoint = os.environ["S3_BUCKET"], os.environ["S3_ENDPOINT"]
    path = f"/{bucket}/{quote(key)}"
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    fields = {
        "host": urlsplit(endpoint).netloc,
        "x-amz-content-sha256": hashlib.sha256(data).hexdigest(),
        "x-amz-date": now,
        "x-amz-meta-md5sum": md5,
    }
    if not md5:
        del fields["x-amz-meta-md5sum"]
    signed = ";".join(fields)
    lines = ["PUT", path, "", *(f"{one}:{value}" for one, value in fields.items()), ""]
    canonical = "\n".join([*lines, signed, fields["x-amz-content-sha256"]])
    scope = f"{now[:8]}/us-east-1/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key_bytes = f"AWS4{os.environ['S3_SECRET_KEY']}".encode()
    for word in scope.split("/"):
        key_bytes = hmac.digest(key_bytes, word.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}".encode()
    signature = hmac.digest(key_bytes, text, "sha256").hex()
    credential = f"{os.environ['S3_ACCESS_KEY']}/{scope}"
    fields["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credential},SignedHeaders={signed},Signature={signature}"
    )
    with urlopen(Request(endpoint + path, data, fields, method="PUT")) as answer:
        etag = answer.headers["ETag"].strip('"')
    return {"path": f"s3://{bucket}/{key}", "etag": etag, "type": "s3"}


if __name__ == "__main__":
    if sys.argv[1] == "fetch":
        fetch(Path(sys.argv[2]), sys.argv[3])
    else:
        package(Path(sys.argv[2]))
