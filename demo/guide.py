"""What C{make run} prints: the addresses to try, and ready command lines."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from assisted_images.catalog.catalog import Entry
from assisted_images.values import Architecture, ImageType
from demo.environment import Prepared

_ANY_INFRA_ENV = "INFRA_ENV_ID"


def guide(
    prepared: Prepared, entries: Iterable[Entry], ready: Entry, tls: str, plain: str
) -> Iterator[str]:
    """
    The lines to print once an image is ready.

    @param entries: all images.
    @param ready: the one that is.
    @param tls: the base URL of the TLS listener, without a trailing slash.
    @param plain: that of the plain one.
    """
    infra_env = prepared.infra_env.name if prepared.infra_env else _ANY_INFRA_ENV
    yield ""
    yield f"All of it, to look at in a browser: {plain}/"
    for entry in entries:
        yield ""
        yield f"{entry}:"
        yield from _addresses(entry, infra_env, tls, local=bool(prepared.infra_env))
    yield ""
    yield f"Without TLS: the same at {plain}.  State of the images: {plain}/status"
    path = _iso_path(ready, infra_env, ready.image_type)
    name = f"discovery-{ready.architecture}.iso"
    yield ""
    yield "Download:"
    yield f"  curl --cacert {_quoted(prepared.authority)} --output {name} {_quoted(tls + path)}"
    if ready.architecture is Architecture.X86_64:
        yield ""
        yield "Boot a virtual machine from the address, its serial console in this terminal:"
        yield f"  {_virtual_machine(plain + path)}"
    if prepared.infra_env:
        yield ""
        yield f"Edit {_quoted(prepared.infra_env / 'discovery.ign')}: the next download has it."


def _addresses(entry: Entry, infra_env: str, base: str, *, local: bool) -> Iterator[str]:
    query = f"version={entry.version}&arch={entry.architecture}"
    if entry.image_type is ImageType.DISCONNECTED:
        path = _iso_path(entry, infra_env, ImageType.DISCONNECTED)
        yield f"  disconnected ISO  {_quoted(base + path)}"
        return
    yield f"  full ISO     {_quoted(base + _iso_path(entry, infra_env, ImageType.FULL))}"
    if entry.architecture is not Architecture.S390X:
        yield f"  minimal ISO  {_quoted(base + _iso_path(entry, infra_env, ImageType.MINIMAL))}"
    # A shell would take the ampersand for its own.
    yield f"  initrd       {_quoted(f'{base}/images/{infra_env}/pxe-initrd?{query}')}"
    for artifact in ("kernel", "rootfs"):
        yield f"  {artifact:<11}  {_quoted(f'{base}/boot-artifacts/{artifact}?{query}')}"
    if local:
        yield f"  iPXE script  {_quoted(f'{base}/images/{infra_env}/ipxe-script?{query}')}"


def _iso_path(entry: Entry, infra_env: str, image_type: ImageType) -> str:
    return f"/byid/{infra_env}/{entry.version}/{entry.architecture}/{image_type.file_name}"


def _virtual_machine(url: str) -> str:
    """QEMU with a CD that is read from C{url} by Range requests; emulated, so it runs anywhere."""
    drive = url.replace(",", ",,")
    return shlex.join(
        [
            "qemu-system-x86_64",
            "-machine",
            "q35,accel=tcg",
            "-m",
            "1024",
            "-nographic",
            "-no-reboot",
            "-boot",
            "d",
            "-drive",
            # QEMU waits for ever for an answer that is there as a whole as soon as it has asked
            # (block/curl.c with libcurl 8): its usual 256 KiB are.
            f"file={drive},file.readahead=4M,media=cdrom,readonly=on",
        ]
    )


def _quoted(value: object) -> str:
    return shlex.quote(str(value))
