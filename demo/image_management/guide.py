"""What C{make run-ims} prints: the addresses to try, and ready command lines."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from demo.drivers import CARD

IPXE_SCRIPT = "boot.ipxe"


@dataclass(frozen=True, slots=True)
class Served:
    """What there is to try."""

    tls: str
    """The base URL of the TLS listener, without a trailing slash."""

    plain: str
    """That of the plain one."""

    authority: Path
    """What clients of the TLS listener trust."""

    image_id: str
    recipe_id: str
    boot_files: Path
    """A directory with the L{IPXE_SCRIPT} that boots the image."""


def guide(served: Served) -> Iterator[str]:
    """The lines to print once everything is there."""
    images, image = f"{served.plain}/v3/images", f"{served.plain}/v3/images/{served.image_id}"
    yield ""
    yield "Records:"
    for kind in ("images", "recipes", "public-keys", "jobs", "deleted/images"):
        yield f"  {kind:<15} {served.plain}/v3/{kind}"
    yield f"  {'sample image':<15} {image}"
    yield f"  {'sample recipe':<15} {served.plain}/v3/recipes/{served.recipe_id}"
    yield "Artifacts of the sample image:"
    for artifact in ("kernel", "initrd", "rootfs", "boot_parameters"):
        yield f"  {artifact:<15} {image}/artifacts/{artifact}"
    yield f"With TLS: the same at {served.tls}.  What can be asked: {served.plain}/openapi.json"
    yield ""
    yield "Ask, with TLS:"
    yield f"  curl --cacert {shlex.quote(str(served.authority))} {served.tls}/v3/images"
    yield "Make a record, and say more of it:"
    body = """'{"name": "another", "arch": "aarch64", "metadata": {"team": "os"}}'"""
    yield f"  curl --json {body} {images}"
    change = """'{"metadata": {"operation": "set", "key": "team", "value": "network"}}'"""
    yield f"  curl --request PATCH --json {change} {image}"
    yield "A part of an artifact:"
    yield f"  curl --range 0-65535 --output part {image}/artifacts/rootfs"
    yield "Delete the sample image softly, and take that back:"
    deleted = f"{served.plain}/v3/deleted/images/{served.image_id}"
    yield f"  curl --request DELETE {image}"
    yield f"""  curl --request PATCH --json '{{"operation": "undelete"}}' {deleted}"""
    yield "Boot a virtual machine from it, by iPXE; its serial console in this terminal:"
    yield f"  {_virtual_machine(served.boot_files)}"


def ipxe_script(base: str, parameters: str) -> str:
    """
    What iPXE is told to boot.

    @param base: the URL of the image's artifacts, as the machine reaches it.
    @param parameters: kernel arguments.
    """
    return (
        "#!ipxe\n"
        f"kernel {base}/kernel initrd=initrd root=live:{base}/rootfs {parameters}\n"
        f"initrd --name initrd {base}/initrd\n"
        "boot\n"
    )


def _virtual_machine(boot_files: Path) -> str:
    """QEMU with a network card whose ROM is iPXE; emulated, so it runs anywhere."""
    files = str(boot_files).replace(",", ",,")
    return shlex.join(
        [
            "qemu-system-x86_64",
            *("-machine", "q35,accel=tcg", "-m", "1024", "-nographic", "-no-reboot"),
            *("-netdev", f"user,id=network,tftp={files},bootfile={IPXE_SCRIPT}"),
            *("-device", f"{CARD},netdev=network,bootindex=1"),
        ]
    )
