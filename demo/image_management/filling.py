"""What the service is filled with: a sample recipe and a sample image, over HTTP and S3."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demo.image_management.samples import (
    IMAGE_NAME,
    RECIPE_NAME,
    image_artifacts,
    recipe_archive,
    recipe_dictionary,
)
from demo.ingredients import Found
from demo.service import ServiceFailed, ServiceProcess
from image_management.records.links import Link
from image_management.s3.errors import S3Error
from image_management.s3.objects import ObjectStore

_TYPES = {
    "rootfs": "application/vnd.cray.image.rootfs.squashfs",
    "kernel": "application/vnd.cray.image.kernel",
    "initrd": "application/vnd.cray.image.initrd",
    "boot_parameters": "application/vnd.cray.image.parameters.boot",
}


class Filling:
    """Makes the samples that are not there; raises L{ServiceFailed} where somebody refuses."""

    def __init__(
        self, service: ServiceProcess, authority: bytes | None, objects: ObjectStore
    ) -> None:
        """
        @param authority: the PEM certificate to trust where there is only a TLS listener.
        """
        self._service = service
        self._client = service.client(authority)
        self._objects = objects

    async def recipe(self, bucket: str) -> str:
        """The id of the sample recipe."""
        found = await self._named("recipes", RECIPE_NAME)
        if found is not None:
            return found
        id = await self._made(
            "recipes",
            {
                "name": RECIPE_NAME,
                "recipe_type": "kiwi-ng",
                "linux_distribution": "debian12",
                "template_dictionary": recipe_dictionary(),
            },
        )
        link = await self._written(Link(bucket, f"recipes/{id}/recipe.tar.gz"), recipe_archive())
        await self._ask("PATCH", f"/v3/recipes/{id}", {"link": link.document})
        return id

    async def image(self, bucket: str, found: Found, scratch: Path) -> str:
        """The id of the sample image, whose artifacts and manifest are in S3."""
        already = await self._named("images", IMAGE_NAME)
        if already is not None:
            return already
        id = await self._made("images", {"name": IMAGE_NAME, "metadata": {"made-by": "run-ims"}})
        artifacts = []
        for name, data in image_artifacts(found, scratch).items():
            link = await self._written(Link(bucket, f"{id}/{name}"), data)
            digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
            artifacts.append({"type": _TYPES[name], "md5": digest, "link": link.document})
        record = await self._ask("GET", f"/v3/images/{id}")
        manifest = {"version": "1.0", "created": record["created"], "artifacts": artifacts}
        data = json.dumps(manifest, indent=1).encode()
        link = await self._written(Link(bucket, f"{id}/manifest.json"), data)
        await self._ask("PATCH", f"/v3/images/{id}", {"link": link.document})
        return id

    async def public_key(self, text: str) -> str:
        """The id of a public key."""
        for record in await self._ask("GET", "/v3/public-keys"):
            if record["public_key"] == text:
                return str(record["id"])
        return await self._made("public-keys", {"name": "run-ims", "public_key": text})

    async def _written(self, link: Link, data: bytes) -> Link:
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        facts = {"md5sum": digest}
        try:
            return await self._objects.write(link, data, "application/octet-stream", facts)
        except S3Error as error:
            raise ServiceFailed(f"S3: {error}; it needs the bucket {link.bucket}") from None

    async def _named(self, kind: str, name: str) -> str | None:
        records = await self._ask("GET", f"/v3/{kind}?name={name}")
        # One without a link is what a run has left that was interrupted.
        return next((record["id"] for record in records if record["link"]), None)

    async def _made(self, kind: str, members: Mapping[str, Any]) -> str:
        record = await self._ask("POST", f"/v3/{kind}", members)
        return str(record["id"])

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """
        Ask the service.

        @raise ServiceFailed: it refuses.
        """
        response = await self._client.request(method, self._service.url(path), json=body)
        answer = json.loads(await response.content())
        if response.code >= 400:
            raise ServiceFailed(f"{method} {path}: {answer.get('detail')}")
        return answer
