"""What C{make run-ims} prints: the addresses to try, and ready command lines."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from demo.drivers import CARD
from demo.image_management.job_guide import Workable, job_guide
from demo.image_management.samples import BOOT_PARAMETERS, RECIPE_CARD

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
    """A directory with the L{IPXE_SCRIPT}."""

    workable: Workable | str
    """What jobs can be begun with, or why none can."""


def guide(served: Served) -> Iterator[str]:
    """The lines to print once everything is there."""
    images, image = f"{served.plain}/v3/images", f"{served.plain}/v3/images/{served.image_id}"
    yield ""
    yield f"Open in a browser: {served.plain}/"
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
    yield f"  {virtual_machine(served.boot_files, CARD, served.image_id)}"
    if isinstance(served.workable, str):
        yield f"Jobs are refused: {served.workable}"
    else:
        machine = virtual_machine(served.boot_files, RECIPE_CARD, "$image")
        yield from job_guide(served.workable, machine)


_SHARED_TRANSLATIONS = "norandmaps"
"""
A kernel argument by which programs lie at the same addresses in each process.  Where they do not,
QEMU 7.2 without KVM keeps a translation for each, and then looks at thousands of them whenever
memory that held a program is cleared: a machine that has started many programs stands still.
"""


def ipxe_script(base: str) -> str:
    """
    What iPXE is told to boot: the image whose id is the machine's UUID.

    @param base: the URL of the images, as the machine reaches it.
    """
    return (
        "#!ipxe\n"
        f"set artifacts {base}/${{uuid}}/artifacts\n"
        "kernel ${artifacts}/kernel initrd=initrd root=live:${artifacts}/rootfs"
        f" {BOOT_PARAMETERS} rd.live.overlay.overlayfs=1 {_SHARED_TRANSLATIONS}\n"
        "initrd --name initrd ${artifacts}/initrd\n"
        "boot\n"
    )


def virtual_machine(boot_files: Path, card: str, image: str) -> str:
    """
    QEMU with a network card whose ROM is iPXE; emulated, so it runs anywhere.

    @param boot_files: a directory with the L{IPXE_SCRIPT}.
    @param card: the network card's model.
    @param image: the id of what it boots, or a shell's variable that has it.
    """
    files = str(boot_files).replace(",", ",,")
    machine = ("-machine", "q35,accel=tcg", "-m", "1024", "-nographic", "-no-reboot")
    network = ("-netdev", f"user,id=network,tftp={files},bootfile={IPXE_SCRIPT}")
    device = ("-device", f"{card},netdev=network,bootindex=1")
    return f"{shlex.join(['qemu-system-x86_64', *machine, *network, *device])} -uuid {image}"
