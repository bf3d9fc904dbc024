"""C{/boot-artifacts}: files of an OS image as they are, public and cacheable."""

from __future__ import annotations

from assisted_images.iso.compose import boot_artifact
from assisted_images.store.images import ImageContent
from assisted_images.values import Architecture, ImageType
from assisted_images.web.customised import OCTETS
from assisted_images.web.download import Download, Preparation
from assisted_images.web.images import VERSION_REQUIRED
from assisted_images.web.parameters import query_parameter, required_version, shown
from assisted_images.web.problems import Problem
from assisted_images.web.respond import Content
from assisted_images.web.selection import select_image
from assisted_images.web.site import ServiceRequest

PUBLIC = "public, max-age=86400"
"""No secret is in these, and a version's files never change; a day lets a CDN carry them."""

ARTIFACTS = ("kernel", "rootfs", "ins-file")


class BootArtifacts(Download):
    """C{/boot-artifacts/{kernel,rootfs,ins-file}}."""

    def select(self, request: ServiceRequest) -> Preparation:
        """Read which file of which image."""
        request.observe_as("/boot-artifacts/:artifact")
        match request.path_below:
            case [artifact] if artifact in ARTIFACTS:
                request.facts["artifact"] = artifact
            case parts:
                raise Problem(
                    404,
                    f"unknown boot artifact {shown('/'.join(parts))};"
                    f" expected one of {', '.join(ARTIFACTS)}",
                )
        version = required_version(request, VERSION_REQUIRED)
        image, content = select_image(
            self.application.store,
            version,
            query_parameter(request, "arch") or Architecture.X86_64,
            ImageType.FULL,
            unknown_status=400,
            now=self.application.clock.seconds(),
        )
        if artifact == "ins-file" and image.entry.architecture is not Architecture.S390X:
            raise Problem(404, "the ins-file is for s390x only")

        async def prepare() -> Content:
            return _artifact(content, artifact)

        return prepare


def _artifact(image: ImageContent, artifact: str) -> Content:
    extents, name = {
        "kernel": (image.layout.kernel, image.layout.kernel_name),
        "rootfs": (image.layout.rootfs, "rootfs.img"),
        "ins-file": (image.layout.ins_file, "generic.ins"),
    }[artifact]
    if extents is None:
        raise Problem(404, f"this OS image has no {artifact}")
    return Content(boot_artifact(image.image, extents), OCTETS, name, PUBLIC, image.last_modified)
