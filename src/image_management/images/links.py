"""Setting a record's link: whether it may be set, and whether what it names is there and good."""

from __future__ import annotations

from twisted.logger import Logger

from httpd.web.problems import Problem
from image_management.images.manifests import (
    ROOT_FILE_SYSTEM_TYPE,
    BadManifest,
    Manifest,
    check_manifest,
    read_manifest,
)
from image_management.images.several import each_of
from image_management.records.kinds import Kind
from image_management.records.links import Link
from image_management.records.record import Record
from image_management.s3.errors import ObjectMissing, ObjectTooLarge
from image_management.s3.objects import ObjectStore


def link_after(record: Record, link: Link) -> Link:
    """
    The link that a record has when C{link} is set: that one, or the same that it has already.

    @raise Problem: it has another (409): a link is set once.
    """
    if record.link is None:
        return link
    if record.link.same_as(link):
        return record.link
    raise Problem(
        409,
        f"the link of {record.kind.noun} {record.id} is set already, to {record.link.path}"
        f"{f' with etag {record.link.etag}' if record.link.etag else ''}; it cannot be changed",
    )


class LinkChecks:
    """Looks in S3 at what a link names, before it is set."""

    _log = Logger()

    def __init__(self, objects: ObjectStore, longest_manifest: int) -> None:
        """
        @param longest_manifest: in bytes.
        """
        self._objects = objects
        self._longest_manifest = longest_manifest

    async def check(self, kind: Kind, link: Link) -> None:
        """
        Look at the object of a recipe, or the manifest and the artifacts of an image.

        @raise Problem: it cannot be set: something is not there, or not a good manifest (422); the
            manifest is too large, or names no or several root file systems (400).
        @raise S3Unavailable: nobody knows.
        """
        await self._look_at(link)
        if kind is not Kind.IMAGE:
            return
        manifest = await self._good_manifest(link)
        # Each once, however often it is named.
        once = {artifact.link.path: artifact.link for artifact in manifest.artifacts}
        await each_of(once.values(), self._look_at)
        roots = len(manifest.root_file_systems)
        if roots != 1:
            raise Problem(
                400,
                f"the manifest {link.path} names {roots or 'no'} artifacts of the type"
                f" {ROOT_FILE_SYSTEM_TYPE}; expected one",
            )

    async def _look_at(self, link: Link) -> None:
        try:
            facts = await self._objects.head(link)
        except ObjectMissing:
            raise unprocessable(f"there is no object {link.path}") from None
        if link.etag and link.etag != facts.etag:
            self._log.warn(
                "the etag of {path} is {etag}, not {given} as its link says",
                path=link.path,
                etag=facts.etag,
                given=link.etag,
            )

    async def _good_manifest(self, link: Link) -> Manifest:
        try:
            # Smaller than that, not as long.
            manifest = read_manifest(await self._objects.read(link, self._longest_manifest - 1))
            check_manifest(manifest)
        except ObjectMissing:
            raise unprocessable(f"there is no object {link.path}") from None
        except ObjectTooLarge:
            raise Problem(
                400,
                f"the manifest {link.path} is too large; expected fewer than"
                f" {self._longest_manifest} bytes",
            ) from None
        except BadManifest as error:
            raise unprocessable(f"the manifest {link.path} is not good: {error}") from None
        return manifest


def unprocessable(text: str) -> Problem:
    """The refusal of a link, which is the field that is wrong."""
    return Problem(422, text, errors={"link": [text]})
