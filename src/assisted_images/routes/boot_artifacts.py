"""C{/boot-artifacts}: files of an OS image as they are, public and cacheable."""

from __future__ import annotations

from dataclasses import dataclass

from assisted_images.live.compose import boot_artifact
from assisted_images.routes.by_query import VERSION_REQUIRED
from assisted_images.routes.discovery_images import OCTETS
from assisted_images.routes.download import Download
from assisted_images.routes.parameters import About, Parameters
from assisted_images.routes.selection import WantedImage, require_nothing, require_s390x
from assisted_images.store.images import OsImage, ReadyImage
from assisted_images.values import ImageType
from httpd.texts import quoted
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from httpd.web.respond import Content

PUBLIC = "public, max-age=86400"
"""No secret is in these, and a version's files never change; a day lets a CDN carry them."""

ARTIFACTS = ("kernel", "rootfs", "ins-file")


@dataclass(frozen=True, slots=True)
class BootArtifact:
    """One of L{ARTIFACTS}, of an image."""

    image: WantedImage
    artifact: str


class BootArtifacts(Download[BootArtifact]):
    """C{/boot-artifacts/{kernel,rootfs,ins-file}}."""

    def read(self, parameters: Parameters, about: About) -> BootArtifact:
        """Read which file of which image."""
        about.route = "/boot-artifacts/:artifact"
        match parameters.path:
            case [artifact] if artifact in ARTIFACTS:
                about.facts["artifact"] = artifact
            case parts:
                raise Problem(
                    404,
                    f"unknown boot artifact {quoted('/'.join(parts))};"
                    f" expected one of {', '.join(ARTIFACTS)}",
                )
        image = WantedImage.read(
            parameters.version(VERSION_REQUIRED),
            parameters.architecture,
            ImageType.FULL,
            unknown_status=400,
            require=require_s390x if artifact == "ins-file" else require_nothing,
        )
        return BootArtifact(image, artifact)

    async def fetch(
        self, wanted: BootArtifact, image: OsImage, ready: ReadyImage, request: ServiceRequest
    ) -> Content:
        """Take the file out of the image."""
        artifact, layout = wanted.artifact, ready.layout
        extents, name = {
            "kernel": (layout.kernel, layout.kernel_name),
            "rootfs": (layout.rootfs, "rootfs.img"),
            "ins-file": (layout.ins_file, "generic.ins"),
        }[artifact]
        if extents is None:
            raise Problem(404, f"this OS image has no {artifact}")
        representation = boot_artifact(ready.image, extents)
        return Content(representation, OCTETS, name, PUBLIC, ready.last_modified)
