"""The last stage: a root file system becomes an image, in S3 and as a record."""

from __future__ import annotations

import hashlib
import os
import string
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import quote
from uuid import UUID, uuid5

from image_management.images.manifests import (
    ARTIFACT_NAMES,
    CONTENT_TYPE,
    artifact_entry,
    image_manifest,
    manifest_bytes,
)
from image_management.jobs.local.folders import JobFolder
from image_management.jobs.local.inside import opened_file, write_new
from image_management.jobs.local.logs import append
from image_management.jobs.local.processes import Limits
from image_management.jobs.local.workshop import StageFailed, Workshop
from image_management.records.kinds import Kind
from image_management.records.links import Link
from image_management.records.record import Record
from image_management.records.schemas import make_record
from image_management.store.errors import NotFound
from image_management.values import time_text

_TYPE = "application/octet-stream"
_MANIFEST = "manifest.json"
_AUTHORITIES = "etc/cray/ca"
_PLAIN = " " + string.punctuation.replace("%", "")


class Packing:
    """What becomes of one job's root file system."""

    def __init__(self, shop: Workshop, job: Record, folder: JobFolder) -> None:
        self._shop = shop
        self._job = job
        self._folder = folder
        self.image_id = str(uuid5(UUID(job.id), "image"))
        """The same whenever the job comes to that."""

    async def make(self, root: Path, limits: Limits) -> str:
        """
        Make the image.

        @return: its id.
        @raise StageFailed: the root file system has not what an image needs.
        @raise ProgramFailed: it cannot be packed.
        @raise S3Error: it cannot be uploaded.
        """
        self._trust(root)
        members = self._job.document
        with ExitStack() as stack:
            files = {
                "kernel": _opened(stack, root, members["kernel_file_name"]),
                "initrd": _opened(stack, root, members["initrd_file_name"]),
                "boot_parameters": _opened(
                    stack, root, members["kernel_parameters_file_name"], optional=True
                ),
                "rootfs": await self._pack(stack, root, limits),
            }
            entries = [
                await self._upload(name, file)
                for name in ARTIFACT_NAMES
                if (file := files[name]) is not None
            ]
        return await self._record(entries)

    def _trust(self, root: Path) -> None:
        """Have the image know the authority that this site's certificates come from."""
        authority = self._shop.settings.ca_cert
        if authority is None:
            return
        try:
            write_new(root, f"{_AUTHORITIES}/{authority.name}", authority.read_bytes())
        except OSError as error:
            raise StageFailed(f"{_AUTHORITIES}: {error.strerror or error}") from None

    async def _pack(self, stack: ExitStack, root: Path, limits: Limits) -> int:
        out = self._folder.out
        out.mkdir(mode=0o700)
        packed = out / "rootfs.sqsh"
        command = ["mksquashfs", str(root), str(packed), "-noappend", "-no-progress"]
        await self._shop.programs.run(command, self._folder.path, self._folder.log, limits)
        return stack.enter_context(packed.open("rb")).fileno()

    async def _upload(self, name: str, file: int) -> dict[str, object]:
        """
        Upload an artifact.

        @return: its entry in the manifest.
        """
        md5 = await self._shop.run_in_thread(_md5, file)
        link = await self._shop.objects.upload(
            file, self._link(name), _TYPE, self._metadata(md5), self._shop.run_in_thread
        )
        append(self._folder.log, f"{link.path}: {os.fstat(file).st_size} bytes, md5 {md5}")
        return artifact_entry(name, link, md5)

    async def _record(self, entries: list[dict[str, object]]) -> str:
        """Write the manifest, and the image's record."""
        document = image_manifest(entries, self._shop.now())
        data = manifest_bytes(document)
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        link = await self._shop.objects.write(
            self._link(_MANIFEST), data, CONTENT_TYPE, self._metadata(md5)
        )
        members = {
            "name": self._job.document["image_root_archive_name"],
            "arch": self._job.document["arch"],
            "link": link.document,
        }
        created = time_text(self._shop.now())
        await self._shop.store.add(make_record(Kind.IMAGE, members, created, self.image_id))
        return self.image_id

    async def take_back(self) -> None:
        """
        Leave neither record nor objects of an image that was not finished.

        @raise S3Error: something is left.
        """
        with suppress(NotFound):  # it has not come to that
            await self._shop.store.remove(Kind.IMAGE, self.image_id)
        for name in (*ARTIFACT_NAMES, _MANIFEST):
            await self._shop.objects.delete_with_uploads(self._link(name))

    def _link(self, name: str) -> Link:
        return Link(self._shop.settings.boot_images_bucket, f"{self.image_id}/{name}")

    def _metadata(self, md5: str) -> dict[str, str]:
        return {
            "md5sum": md5,
            # Header fields are ASCII.
            "x-shasta-ims-image-name": quote(self._job.document["image_root_archive_name"], _PLAIN),
            "x-shasta-ims-image-id": self.image_id,
            "x-shasta-ims-job-id": self._job.id,
        }


def _opened(stack: ExitStack, root: Path, name: str, *, optional: bool = False) -> int | None:
    """A file of C{/boot}, which is not to lead out of the image."""
    path = f"boot/{name}"
    try:
        return stack.enter_context(opened_file(root, path))
    except OSError as error:
        if optional and isinstance(error, FileNotFoundError):
            return None
        raise StageFailed(f"{path}: {(error.strerror or str(error)).lower()}") from None


def _md5(file: int) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    offset = 0
    while data := os.pread(file, 1024 * 1024, offset):
        digest.update(data)
        offset += len(data)
    return digest.hexdigest()
