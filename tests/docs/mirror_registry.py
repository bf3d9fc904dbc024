"""
C{python -m tests.docs.mirror_registry PORT}: a site's mirror registry, as oc-mirror leaves it, for
the page on disconnected sites.  What a site has besides is put into the folder:
C{pull-secret.json} with the login, and C{ca-bundle.crt} with the registry's authority.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from assisted_images.values import Architecture
from tests.certificates import identity
from tests.registries.case import pull_secret
from tests.registries.layout import Layout
from tests.registries.payload import GO_NAMES, ISO_NAMES, REFERENCES, image_references, small_iso
from tests.registries.registry import PASSWORD, USER, Kind, Registry
from tests.running import run

_VERSION = "4.18.30"
_TAG = f"{_VERSION}-multi"
_IMAGES = "quay.io/openshift-release-dev/ocp-v4.0-art-dev"


async def serve(port: int) -> None:
    """Serve it for ever."""
    folder = Path("mirror-registry").resolve()
    folder.mkdir()
    authority = identity("authority of the mirror", authority=True)
    Path("ca-bundle.crt").write_bytes(authority.certificate_pem)
    tls = identity("localhost", authority).write(folder)
    registry = Registry(folder / "blobs", Kind(tls=tls, htpasswd=True), port)
    await registry.start()
    await _fill(registry, _layout(folder))
    Path("pull-secret.json").write_text(pull_secret(registry.host))
    print("filled", flush=True)
    await Deferred()


def _layout(folder: Path) -> Layout:
    """The release image and its C{machine-os-images}."""
    layout = Layout(folder / "layout")
    layers = {one: layout.layer({name: small_iso(folder, one)}) for one, name in ISO_NAMES.items()}
    images = layout.index(layout.image([layer], GO_NAMES[one]) for one, layer in layers.items())
    layout.name(images, "images")
    references = image_references(f"{_IMAGES}@{images['digest']}", _VERSION)
    release = layout.image([layout.layer({REFERENCES: references})], GO_NAMES[Architecture.X86_64])
    layout.name(release, "release")
    return layout


async def _fill(registry: Registry, layout: Layout) -> None:
    for name, target in (("images", f"release:{_VERSION}"), ("release", f"release-images:{_TAG}")):
        await run(
            *("skopeo", "--insecure-policy", "copy", "--quiet", "--all", "--dest-tls-verify=false"),
            *("--dest-creds", f"{USER}:{PASSWORD}", f"oci:{layout.directory}:{name}"),
            f"docker://{registry.host}/openshift/{target}",
        )


def _main(reactor: Any) -> Deferred[None]:
    return Deferred.fromCoroutine(serve(int(sys.argv[1])))


if __name__ == "__main__":
    react(_main)
