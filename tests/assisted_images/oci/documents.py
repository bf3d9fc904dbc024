"""Digests, and the JSON documents that registries serve, to be changed at will."""

from __future__ import annotations

from typing import Any

SHA256 = "sha256:" + "0123456789abcdef" * 4
SHA512 = "sha512:" + "0123456789abcdef" * 8

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."
OCI_MANIFEST, OCI_INDEX = OCI + "manifest.v1+json", OCI + "index.v1+json"
DOCKER_MANIFEST = DOCKER + "distribution.manifest.v2+json"
DOCKER_LIST = DOCKER + "distribution.manifest.list.v2+json"


def descriptor(media_type: str, number: int = 1, **more: Any) -> dict[str, Any]:
    """A descriptor as manifests have it."""
    return {"mediaType": media_type, "digest": f"sha256:{number:064x}", "size": number, **more}


def manifest(media_type: str = OCI_MANIFEST, *layers: str) -> dict[str, Any]:
    """A manifest whose layers have these media types."""
    return {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor("application/vnd.oci.image.config.v1+json", 99),
        "layers": [descriptor(layer, number) for number, layer in enumerate(layers, 1)],
    }


def index(media_type: str = OCI_INDEX, *platforms: tuple[str, str]) -> dict[str, Any]:
    """An index with manifests for these operating systems and architectures."""
    items = [
        descriptor(OCI_MANIFEST, number, platform={"os": os, "architecture": architecture})
        for number, (os, architecture) in enumerate(platforms, 1)
    ]
    return {"schemaVersion": 2, "mediaType": media_type, "manifests": items}


def image_stream(**changes: Any) -> dict[str, Any]:
    """An image-references like those of releases, with C{changes}."""
    name = f"quay.io/openshift-release-dev/ocp-v4.0-art-dev@{SHA256}"
    tags = [
        {"name": other, "from": {"kind": "DockerImage", "name": name}, "annotations": {"x": "y"}}
        for other in ("cli", "machine-os-images", "installer")
    ]
    return {
        "kind": "ImageStream",
        "apiVersion": "image.openshift.io/v1",
        "metadata": {"name": "4.14.0", "creationTimestamp": "2023-10-31T00:00:00Z"},
        "spec": {"lookupPolicy": {"local": False}, "tags": tags},
        "status": {"dockerImageRepository": ""},
    } | changes
