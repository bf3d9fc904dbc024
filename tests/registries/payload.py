"""
Release payloads, true to shape, pushed by Debian's C{skopeo}: a stranger's client makes them what
they are in a registry.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assisted_images.values import Architecture
from tests.assisted_images.live.images import filler, tree, write_genisoimage
from tests.registries.layout import Compression, Descriptor, Layer, Layout
from tests.registries.registry import PASSWORD, USER, Registry
from tests.running import run

RELEASE = "4.14.0"
RELEASES = "ocp/release"
"""The repository of releases."""

IMAGES = "ocp/art-dev"
"""The repository of the images that they consist of."""

RHCOS_VERSION = "418.94.202410090804-0"
"""As the volume ids of the small ISOs say; see L{tests.assisted_images.live.images.VOLUME_ID}."""

REFERENCES = "release-manifests/image-references"
GO_NAMES = {Architecture.X86_64: "amd64", Architecture.ARM64: "arm64"}
ISO_NAMES = {
    Architecture.X86_64: "coreos/coreos-x86_64.iso",
    Architecture.ARM64: "coreos/coreos-aarch64.iso",
}


def small_iso(
    directory: Path, architecture: Architecture, rootfs: bytes | int = filler("rootfs", 50_000)
) -> Path:
    """An ISO that passes with L{tests.field.images.SMALLEST}; C{rootfs} is its size at least."""
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / f"{architecture}.iso"
    return write_genisoimage(tree(architecture, rootfs=rootfs), target)


@dataclass(frozen=True, slots=True)
class Payload:
    """
    A release image, and the C{machine-os-images} that it refers to, in a layout.

    @ivar release: of the release image.
    @ivar images: of C{machine-os-images}.
    @ivar layers: of C{machine-os-images}, by architecture, lowest first.
    """

    layout: Layout
    release: Descriptor
    images: Descriptor
    layers: Mapping[Architecture, Sequence[Layer]]
    isos: Mapping[Architecture, Path] = field(repr=False)

    async def push(self, registry: Registry, *, tag: str = RELEASE) -> None:
        """Copy both into C{registry}; C{tag} is the release image's."""
        await self.push_images(registry)
        await self.push_release(registry, tag)

    async def push_images(self, registry: Registry, *options: str) -> None:
        """Copy C{machine-os-images}, as OCI unless C{options} of C{skopeo copy} say otherwise."""
        await self._copy(registry, "images", f"{IMAGES}:machine-os-images", *options)

    async def push_release(self, registry: Registry, tag: str) -> None:
        """Copy the release image, as Docker's schema 2."""
        await self._copy(registry, "release", f"{RELEASES}:{tag}", "--format", "v2s2")

    async def _copy(self, registry: Registry, name: str, target: str, *options: str) -> None:
        kind = registry.kind
        login = ("--dest-creds", f"{USER}:{PASSWORD}") if kind.htpasswd or kind.token else ()
        await run(
            *("skopeo", "--insecure-policy", "copy", "--quiet", "--all"),
            *("--dest-tls-verify=false", *login, *options),
            *(f"oci:{self.layout.directory}:{name}", f"docker://{registry.host}/{target}"),
        )


def build_payload(
    directory: Path,
    source: str,
    isos: Mapping[Architecture, Path],
    compression: Compression = Compression.GZIP,
    *,
    top: Sequence[str] = (),
) -> Payload:
    """
    Make a payload that has C{isos}.

    For x86_64 the ISO is in a gzip layer above one with an older ISO, which it overrides.  For
    arm64 it is in a zstd layer; the layer above has a whiteout of something else.

    @param source: the registry that the release image says the other is in.
    @param compression: of the layer with the ISO for x86_64.
    @param top: whiteouts, in a further layer on top of each image.
    """
    layout = Layout(directory)
    layers: dict[Architecture, list[Layer]] = {}
    for architecture, iso in isos.items():
        name = ISO_NAMES[architecture]
        base = layout.layer({"etc/os-release": b"NAME=base\n", "tmp/cache": b"cache"})
        if architecture is Architecture.X86_64:
            older = layout.layer({name: b"an older release's ISO"})
            files: dict[str, bytes | Path] = {name: iso, "usr/bin/copy-iso": b"#!/bin/sh\n"}
            own = [base, older, layout.layer(files, compression)]
        else:
            removal = layout.layer({"tmp/.wh.cache": b"", "etc/os-release": b"NAME=top\n"})
            own = [base, layout.layer({name: iso}, Compression.ZSTD), removal]
        if top:
            own.append(layout.layer(dict.fromkeys(top, b"")))
        layers[architecture] = own
    images = layout.index(layout.image(layers[one], GO_NAMES[one]) for one in isos)
    layout.name(images, "images")
    references = image_references(f"{source}/{IMAGES}@{images['digest']}")
    release = layout.image(
        [
            layout.layer({"etc/os-release": b"NAME=base\n", REFERENCES: b"{}"}),
            layout.layer({"release-manifests/release-metadata": b"{}", REFERENCES: references}),
        ],
        "amd64",
    )
    layout.name(release, "release")
    return Payload(layout, release, images, layers, isos)


def image_references(machine_os_images: str | None, release: str = RELEASE) -> bytes:
    """The ImageStream in a release image, of a release since 4.11, or without the tag before."""
    names = {"cli": "quay.io/openshift-release-dev/ocp-v4.0-art-dev@sha256:" + 64 * "0"}
    if machine_os_images is not None:
        names["machine-os-images"] = machine_os_images
    tags = [
        {"name": name, "annotations": {}, "from": {"kind": "DockerImage", "name": spec}}
        for name, spec in names.items()
    ]
    stream = {
        "kind": "ImageStream",
        "apiVersion": "image.openshift.io/v1",
        "metadata": {"name": release},
        "spec": {"lookupPolicy": {"local": False}, "tags": tags},
    }
    return json.dumps(stream, indent=2).encode()
