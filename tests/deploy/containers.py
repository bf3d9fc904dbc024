"""The image of the Containerfile, and containers of it with as little as can be."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from demo.packaged_programs import say
from demo.service import ROOT, ServiceProcess
from httpd.listening.sockets import listening_socket
from tests.httpd.outbound.servers import trial_reactor
from tests.running import found_program, require_root

IMAGE = "localhost/assisted-images:test"
ANY_USER = "1000650000:0"
"""As OpenShift chooses one: no user of the image, in group 0."""

_PACKAGES = "python3,python3-venv,ca-certificates"
_ENGINE = ("--runtime", "runc")
LIMITS = ("--ulimit", "nofile=10000:10000", "--ulimit", "nproc=30000:30000")
"""A container's usual ones may be more than a machine that is a container itself has."""

_LEAST = (
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    f"--user={ANY_USER}",
)
_MIRROR = "http://deb.debian.org/debian"
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


def podman(
    *words: str | Path, check: bool = True, **variables: str
) -> subprocess.CompletedProcess[str]:
    """
    Run it; blocking.

    @param variables: of its environment, besides this process's.
    @raise AssertionError: it has failed; with what it wrote.
    """
    command = [found_program("podman", profile="container"), *_ENGINE, *map(str, words)]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **variables}
    )
    if check and ended.returncode:
        raise AssertionError(f"{command}: {ended.stdout[-4000:]}{ended.stderr[-4000:]}")
    return ended


@cache
def image() -> str:
    """
    The image, made by C{make container} with a Debian of this machine's packages as its base;
    blocking.

    @raise AssertionError: it cannot be made.
    """
    require_root()
    base = _base()
    say("making the container image: a minute or two")
    with TemporaryDirectory() as directory:
        build = [*LIMITS, "--network=host", *with_packages(Path(directory))]
        command = ["make", "container", f"BASE={base}", f"IMAGE={IMAGE}"]
        command += [f"ENGINE_FLAGS={' '.join(_ENGINE)}", f"BUILD_FLAGS={' '.join(build)}"]
        made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if made.returncode:
        raise AssertionError(made.stdout[-4000:] + made.stderr[-4000:])
    return IMAGE


def archived_image(directory: Path, name: str, *variables: str, base: str = "") -> Path:
    """
    An image by another name, in an archive in Docker's format; blocking.

    @param variables: what it has in its environment besides, as C{NAME=text}.
    @param base: which one; by default that of the services.
    """
    lines = [f"FROM {base or image()}", *(f"ENV {variable}" for variable in variables)]
    (directory / "Containerfile").write_text("\n".join(lines))
    podman("build", "--format=docker", f"--tag={name}", *LIMITS, directory)
    archive = directory / "image.tar"
    podman("save", "--format=docker-archive", f"--output={archive}", name)
    podman("rmi", name)
    return archive


def debian(name: str, packages: str, release: str = "") -> str:
    """
    An image of Debian, made once.

    @param release: its code name; by default that of what runs here, and then of packages from
        where this machine has its; those of another one are from the mirror that C{MIRROR} names.
    """
    own = _release()
    release = release or own
    key = hashlib.sha256(f"{release} {packages}".encode()).hexdigest()[:16]
    tag = f"localhost/{name}:{key}"
    if podman("image", "exists", tag, check=False).returncode:
        say("making a container image of Debian, once for this machine: half a minute")
        listed = _sources() if release == own else [os.environ.get("MIRROR", _MIRROR)]
        with TemporaryDirectory(dir="/var/tmp") as directory:
            archive = Path(directory) / "debian.tar"
            command = [found_program("mmdebstrap", profile="container"), "--quiet"]
            command += ["--variant=minbase", f"--include={packages}", release, str(archive)]
            subprocess.run([*command, *listed], check=True)
            podman("import", archive, tag)
    return tag


def _sources() -> list[str]:
    """The files that say where this machine has its packages from."""
    places = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").iterdir()]
    return [str(one) for one in places if one.is_file() and one.suffix in {".list", ".sources"}]


def _base() -> str:
    return debian("debian-python", _PACKAGES)


def _release() -> str:
    facts = dict(
        line.partition("=")[::2] for line in Path("/etc/os-release").read_text().splitlines()
    )
    return facts["VERSION_CODENAME"].strip('"')


def with_packages(directory: Path) -> list[str]:
    """
    Options of podman with which pip, in a container on the host's network, has the packages that
    it has on this machine.

    @param directory: for a file that has to stay as long as the container.
    """
    configuration = directory / "pip.conf"
    configuration.write_text(_pip_configuration())
    options = [f"--volume={configuration}:/etc/pip.conf:ro"]
    if _AUTHORITIES.exists():
        options.append(f"--volume={_AUTHORITIES}:{_AUTHORITIES}:ro")
    return options


def _pip_configuration() -> str:
    """Where pip gets packages on this machine, as a file of its own; not in the image."""
    pip = [str(ROOT / ".venv/bin/python"), "-m", "pip", "config", "list"]
    listed = subprocess.run(pip, capture_output=True, text=True, check=True).stdout
    lines = ["[global]"]
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if section in {":env:", "global"} and key in {"index-url", "extra-index-url", "timeout"}:
            lines.append(f"{key} = {value[1:-1]}")
    if _AUTHORITIES.exists():
        lines.append(f"cert = {_AUTHORITIES}")
    return "\n".join([*lines, ""])


def free_port() -> int:
    """A port that nobody listens on."""
    with listening_socket(0) as listening:
        return int(listening.getsockname()[1])


class Container(ServiceProcess):
    """
    A service in a container, with a read-only root, no capabilities, and a user that nobody knows.

    @ivar name: the container's.
    """

    def __init__(
        self,
        name: str,
        settings: Mapping[str, str],
        volumes: Mapping[Path | str, str],
        words: Sequence[str] = (),
    ) -> None:
        """
        @param volumes: what is mounted where.
        @param words: what runs in it; by default what the image says.
        """
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        super().__init__(cast(Any, trial_reactor()), inherited | dict(settings))
        self.name = name
        self._settings = settings
        self._volumes = volumes
        self._words = words

    def command(self) -> list[str]:
        """Podman's."""
        variables = [f"--env={name}" for name in self._settings]
        mounted = [f"--volume={source}:{target}" for source, target in self._volumes.items()]
        run = ["run", "--rm", f"--name={self.name}", "--network=host", *LIMITS, *_LEAST]
        program = found_program("podman", profile="container")
        return [program, *_ENGINE, *run, *variables, *mounted, IMAGE, *self._words]

    def inside(self, *words: str) -> str:
        """What a command in it prints; blocking."""
        return podman("exec", self.name, *words).stdout

    def health(self) -> tuple[int, str]:
        """Look at it once, as podman does: exit status, and what is known then; blocking."""
        status = podman("healthcheck", "run", self.name, check=False).returncode
        shown = podman("inspect", "--format={{.State.Health.Status}}", self.name).stdout
        return status, shown.strip()
