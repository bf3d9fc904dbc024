"""C{/boot-artifacts}: files of an OS image as they are, public and cacheable."""

from __future__ import annotations

from dataclasses import dataclass

from assisted_images.live import compose
from assisted_images.routes.application import Application
from assisted_images.routes.customisations import OCTETS
from assisted_images.routes.parameters import VERSION_REQUIRED, Facts, Parameters
from assisted_images.routes.selection import (
    SelectedImage,
    WantedImage,
    require_nothing,
    require_s390x,
)
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

    async def fetch(
        self, application: Application, image: SelectedImage, request: ServiceRequest
    ) -> Content:
        """Take the file out of the image."""
        ready, layout = image.ready, image.ready.layout
        extents, name = {
            "kernel": (layout.kernel, layout.kernel_name),
            "rootfs": (layout.rootfs, "rootfs.img"),
            "ins-file": (layout.ins_file, "generic.ins"),
        }[self.artifact]
        if extents is None:
            raise Problem(404, f"this OS image has no {self.artifact}")
        representation = compose.boot_artifact(ready.image, extents)
        return Content(representation, OCTETS, name, PUBLIC, ready.last_modified)


def boot_artifact(parameters: Parameters, facts: Facts) -> BootArtifact:
    """
    Read which file of which image.

    @raise Problem: it makes no sense.
    """
    [artifact] = parameters.path
    if artifact not in ARTIFACTS:
        raise Problem(
            404,
            f"unknown boot artifact {quoted(artifact)}; expected one of {', '.join(ARTIFACTS)}",
        )
    facts["artifact"] = artifact
    image = WantedImage.read(
        parameters.version(VERSION_REQUIRED),
        parameters.architecture,
        ImageType.FULL,
        unknown_status=400,
        require=require_s390x if artifact == "ins-file" else require_nothing,
    )
    return BootArtifact(image, artifact)
