"""
Container images for pods: a Debian with OpenSSH's server, and scripts that do what those of Cray's
jobs do.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from demo.packaged_programs import cache, only_one, say
from tests.running import found_program

_SCRIPTS = Path(__file__).parent / "pod"
_PACKAGES = "openssh-server,squashfs-tools,python3"
_LEFT_OUT = "etc/ssh/ssh_host_* usr/share/doc usr/share/locale"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

JOB_IMAGE = "localhost/ims-job:1"
"""For the containers of jobs: without a command it is a server for SSH."""

PAUSE_IMAGE = "localhost/pause:1"
"""For what holds a pod's network."""

_COMMANDS = {JOB_IMAGE: ["/bin/sh", "/scripts/sshd.sh"], PAUSE_IMAGE: ["/bin/sleep", "infinity"]}


def pod_images() -> Path:
    """
    An archive of both, in Docker's format, which is made once for a machine, as root; blocking.

    @raise subprocess.CalledProcessError: it cannot be made.
    """
    base = _base_layer()
    scripts = sorted(_SCRIPTS.glob("*.*"))
    content = [Path(__file__).read_bytes(), *(one.read_bytes() for one in scripts)]
    key = hashlib.sha256(b"".join([str(base).encode(), *content])).hexdigest()[:16]
    directory = cache() / f"pods-{key}"
    archive, unfinished = directory / "images.tar", directory / "images.tar.part"
    with only_one(directory):
        if not archive.exists():
            layer = directory / "scripts.tar"
            with tarfile.open(layer, "w") as target:
                for script in scripts:
                    target.add(script, f"scripts/{script.name}", filter=_of_root)
            _write_images([base, layer], unfinished)
            unfinished.rename(archive)
    return archive


def _of_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mode = 0o755
    return member


def _base_layer() -> Path:
    """Debian itself, in the release that runs here, from where this machine has its packages."""
    release = _codename()
    key = hashlib.sha256(f"{release} {_PACKAGES} {_LEFT_OUT}".encode()).hexdigest()[:16]
    directory = cache() / f"debian-{key}"
    layer, unfinished = directory / "layer.tar", directory / "unfinished.tar"
    with only_one(directory):
        if not layer.exists():
            say("making a container image of Debian, once for this machine: half a minute")
            sources = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").iterdir()]
            kinds = {".list", ".sources"}
            listed = [one for one in sources if one.is_file() and one.suffix in kinds]
            options = ["--quiet", "--variant=essential", f"--include={_PACKAGES}"]
            cleaning = f'--customize-hook=cd "$1" && rm -rf {_LEFT_OUT}'
            words = [*options, cleaning, release, str(unfinished), *map(str, listed)]
            subprocess.run([found_program("mmdebstrap", profile="cluster"), *words], check=True)
            unfinished.rename(layer)
    return layer


def _write_images(layers: Sequence[Path], archive: Path) -> None:
    """Docker Image Specification v1.2, "Combined Image JSON + Filesystem Changeset Format"."""
    listed = []
    with tarfile.open(archive, "w") as target:
        for layer in layers:
            target.add(layer, layer.name)
        for number, (name, command) in enumerate(_COMMANDS.items()):
            configuration = {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Env": [_PATH], "Cmd": command},
                "rootfs": {"type": "layers", "diff_ids": [_digest(one) for one in layers]},
            }
            _add(target, f"{number}.json", configuration)
            names = [one.name for one in layers]
            listed.append({"Config": f"{number}.json", "RepoTags": [name], "Layers": names})
        _add(target, "manifest.json", listed)


def _digest(file: Path) -> str:
    with file.open("rb") as data:
        return f"sha256:{hashlib.file_digest(data, 'sha256').hexdigest()}"


def _add(target: tarfile.TarFile, name: str, content: Any) -> None:
    data = json.dumps(content).encode()
    member = tarfile.TarInfo(name)
    member.size = len(data)
    target.addfile(member, BytesIO(data))


def _codename() -> str:
    """The release of Debian that runs here."""
    lines = Path("/etc/os-release").read_text().splitlines()
    (name,) = (one.partition("=")[2] for one in lines if one.startswith("VERSION_CODENAME="))
    return name
