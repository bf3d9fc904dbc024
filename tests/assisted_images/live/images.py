"""
Small CoreOS live ISOs for tests, made the way the CoreOS pipelines make theirs.

C{tree} says what is in an image, C{write_genisoimage} and C{write_xorriso} make one of it;
C{write_sparse} makes images of many GiB in no time, by pycdlib.  Contents are bytes, or an int for
so many zeros.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import pycdlib

from assisted_images.live.recording import Recorder
from assisted_images.live.view import PieceFile
from assisted_images.values import Architecture
from httpd.representation.segments import (
    BytesSegment,
    FileSegment,
    Representation,
    ZeroSegment,
)

Tree = dict[str, bytes | int]

ISOLINUX = Path("/usr/lib/ISOLINUX/isolinux.bin")
VOLUME_ID = "rhcos-418.94.202410090804-0"
DEFAULT_ARGUMENTS = f"coreos.liveiso={VOLUME_ID} ignition.firstboot ignition.platform.id=metal"
IGNITION_AREA_BYTES = 262144
MADE_AT = 1_700_000_000
"""The time of all files, in seconds since the epoch: 2023-11-14."""
_PADDING = 1024


def filler(name: str, size: int) -> bytes:
    """Bytes that tell where they come from."""
    line = f"{name} ".encode()
    return (line * (size // len(line) + 1))[:size]


def tree(
    architecture: Architecture = Architecture.X86_64,
    *,
    kernel: bytes | int = filler("kernel", 9000),
    initrd: bytes | int = filler("initrd", 7001),
    rootfs: bytes | int = filler("rootfs", 50_000),
    arguments: str = DEFAULT_ARGUMENTS,
    kargs: str = "json",
) -> Tree:
    """
    What is in an image.

    @param kargs: C{json} for an area and kargs.json; C{marker} for an image of 2021, whose area has
        no kargs.json; C{none} for one of 4.6, without an area.
    """
    files: Tree = {
        "images/pxeboot/vmlinuz": kernel,
        "images/pxeboot/initrd.img": initrd,
        "images/pxeboot/rootfs.img": rootfs,
        "coreos/features.json": b'{"installer-config": true}\n',
        "coreos/miniso.dat": filler("miniso", 5000),
        "zipl.prm": arguments.encode(),
    }
    if architecture is Architecture.S390X:
        return files | _s390x(arguments)
    texts = _boot_configurations(architecture, arguments, area=kargs != "none")
    files |= {"images/ignition.img": IGNITION_AREA_BYTES}
    files |= {path: text.encode() for path, text in texts.items()}
    if architecture is not Architecture.PPC64LE:
        files["images/efiboot.img"] = filler("efiboot", 12_000)
    if architecture is Architecture.X86_64:
        files["isolinux/isolinux.bin"] = ISOLINUX.read_bytes()
    if kargs == "json":
        files["coreos/igninfo.json"] = b'{"file": "images/ignition.img"}\n'
        files["coreos/kargs.json"] = _kargs_json(texts, arguments)
    return files


def in_initrd(files: Tree, offset: int, length: int) -> Tree:
    """The tree with its Ignition area inside the initial ramdisk."""
    others = {path: content for path, content in files.items() if path != "images/ignition.img"}
    where = {"file": "images/pxeboot/initrd.img", "offset": offset, "length": length}
    return others | {"coreos/igninfo.json": json.dumps(where).encode()}


def write_genisoimage(
    files: Tree, target: Path, *, hybrid: bool = False, first: str | None = None
) -> Path:
    """
    An image for x86_64 or arm64.

    @param hybrid: make it bootable from USB (isohybrid --uefi).
    @param first: a file that is put before all others.
    """
    boot = ["-efi-boot", "images/efiboot.img", "-no-emul-boot"]
    if "isolinux/isolinux.bin" in files:
        boot = [
            *("-eltorito-boot", "isolinux/isolinux.bin", "-eltorito-catalog", "isolinux/boot.cat"),
            *("-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "-eltorito-alt-boot"),
            *boot,
        ]
    names = ["-V", VOLUME_ID, "-volset", VOLUME_ID, "-rational-rock", "-J", "-joliet-long"]
    with tempfile.TemporaryDirectory(dir=target.parent) as directory:
        lay_out(files, Path(directory))
        order = target.with_suffix(".order")
        order.write_text(f"{directory}/{first} 10000\n" if first else "")
        sort = ("-sort", str(order))
        run("genisoimage", "-quiet", *names, *boot, *sort, "-o", str(target), directory)
    if hybrid:
        run("isohybrid", "--uefi", str(target))
    return target


def write_xorriso(files: Tree, target: Path, *options: str) -> Path:
    """An image for ppc64le or s390x; C{options} are of xorrisofs."""
    boot = ["-b", "images/cdboot.img", "-no-emul-boot"] if "images/cdboot.img" in files else []
    with tempfile.TemporaryDirectory(dir=target.parent) as directory:
        lay_out(files, Path(directory))
        command = ["xorrisofs", "-quiet", "-V", VOLUME_ID, "-R", *boot, *options]
        run(*command, "-o", str(target), directory)
    return target


def write_sparse(files: Tree, target: Path) -> Path:
    """An image that takes no disk for zeros, however many."""
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, rock_ridge="1.09", vol_ident=VOLUME_ID)
    made: set[str] = set()
    for path, content in sorted(files.items()):
        *parents, name = path.split("/")
        for depth in range(1, len(parents) + 1):
            directory = "/".join(parents[:depth])
            if directory not in made:
                made.add(directory)
                iso.add_directory(f"/{directory.upper()}", parents[depth - 1])
        segment = ZeroSegment(content) if isinstance(content, int) else BytesSegment(content)
        short = name.upper() if "." in name else f"{name.upper()}."
        iso.add_fp(
            cast(Any, PieceFile(Representation.of(segment))),
            segment.length,
            iso_path="/" + "/".join([*(parent.upper() for parent in parents), f"{short};1"]),
            rr_name=name,
        )
    recorder = Recorder()
    iso.write_fp(cast(Any, recorder), blocksize=1 << 62)
    with target.open("wb") as file:
        write_segments(recorder.representation(), file, {})
    return target


@dataclass(frozen=True)
class FileSource:
    """A source whose identity is its path."""

    path: Path

    @property
    def identity(self) -> str:
        return str(self.path)

    def read(self, offset: int, length: int) -> bytes:
        raise AssertionError("nobody plays this source")

    def release(self) -> None:
        pass


def write_segments(
    representation: Representation, target: BinaryIO, files: dict[object, BinaryIO]
) -> None:
    """Write out a representation, zeros as holes; C{files} has the file of each source."""
    start = target.tell()
    for segment in representation:
        match segment:
            case BytesSegment(data=data):
                target.write(data)
            case ZeroSegment(length=length):
                target.seek(length, os.SEEK_CUR)
            case FileSegment(source=source, offset=offset, length=length):
                _copy(files[source], offset, length, target)
    target.truncate(start + representation.length)


def _copy(source: BinaryIO, offset: int, length: int, target: BinaryIO) -> None:
    """Copy a part of a file, leaving its holes out."""
    start, end = target.tell(), offset + length
    data = offset
    while data < end:
        try:
            data = os.lseek(source.fileno(), data, os.SEEK_DATA)
        except OSError:  # nothing but a hole is left
            break
        hole = min(os.lseek(source.fileno(), data, os.SEEK_HOLE), end)
        while data < hole:
            piece = os.pread(source.fileno(), min(hole - data, 1 << 20), data)
            target.seek(start + data - offset)
            target.write(piece)
            data += len(piece)
    target.seek(start + length)


def _boot_configurations(
    architecture: Architecture, arguments: str, *, area: bool
) -> dict[str, str]:
    embed_area = "#" * _PADDING + "# COREOS_KARG_EMBED_AREA\n" if area else ""
    grub = (
        "set timeout=1\n"
        "menuentry 'RHEL CoreOS (Live)' --class fedora {\n"
        f"\tlinux /images/pxeboot/vmlinuz {arguments}\n"
        f"{embed_area}"
        "\tinitrd /images/pxeboot/initrd.img /images/ignition.img\n"
        "}\n"
    )
    isolinux = (
        "serial 0\ndefault linux\nlabel linux\n  kernel /images/pxeboot/vmlinuz\n"
        f"  append initrd=/images/pxeboot/initrd.img,/images/ignition.img {arguments}\n"
        f"{embed_area}"
        "menu end\n"
    )
    match architecture:
        case Architecture.PPC64LE:
            return {"boot/grub/grub.cfg": grub}
        case Architecture.ARM64:
            return {"EFI/redhat/grub.cfg": grub}
        case _:
            return {"EFI/redhat/grub.cfg": grub, "isolinux/isolinux.cfg": isolinux}


def _kargs_json(texts: dict[str, str], arguments: str) -> bytes:
    files = [{"path": path, "offset": text.index(arguments)} for path, text in texts.items()]
    size = len(arguments) + 1 + _PADDING
    return json.dumps({"default": arguments, "files": files, "size": size}).encode()


def _s390x(arguments: str) -> Tree:
    """cdboot.img with both areas inside, the kernel arguments NUL-padded."""
    offset, size, ignition_offset = 66688, 896, 132096
    cdboot = bytearray(filler("cdboot", ignition_offset + IGNITION_AREA_BYTES + 4096))
    cdboot[offset : offset + size] = arguments.encode().ljust(size, b"\0")
    cdboot[ignition_offset : ignition_offset + IGNITION_AREA_BYTES] = bytes(IGNITION_AREA_BYTES)
    ignition = {
        "file": "images/cdboot.img",
        "offset": ignition_offset,
        "length": IGNITION_AREA_BYTES,
    }
    place = {"path": "images/cdboot.img", "offset": offset, "pad": "\0", "end": "\0"}
    kargs = {"default": arguments, "files": [place], "size": size}
    return {
        "images/cdboot.img": bytes(cdboot),
        "coreos/igninfo.json": json.dumps(ignition).encode(),
        "coreos/kargs.json": json.dumps(kargs).encode(),
        "generic.ins": b"* minimal lpar ins file\nimages/kernel.img 0x00000000\n",
        "images/initrd.addrsize": bytes.fromhex("0000000002000000 0000000000001b59"),
    }


def lay_out(files: Tree, directory: Path) -> None:
    """Write the tree out, so that an image can be made of it."""
    for path, content in files.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            if isinstance(content, int):
                file.truncate(content)
            else:
                file.write(content)
    for entry in [directory, *directory.rglob("*")]:
        os.utime(entry, (MADE_AT, MADE_AT))


def run(*command: str) -> None:
    """Run a program that makes images."""
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise AssertionError(f"{command[0]}: {done.stderr.decode(errors='replace')}")
