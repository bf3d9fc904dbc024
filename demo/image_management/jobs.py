"""What C{make run-ims} does so that this host works on jobs itself, where it can."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from demo.packaged_programs import packaged_programs
from image_management.jobs.local.tools import missing_tools

SSH_HOST = "image"
"""What L{Login.config} calls the root file system that a job has opened."""

_PASTED = ("jq", "ssh")
"""The programs of the printed lines."""

_BUILDING = ("apt-get", "gpg", "rsync", "xz")
"""Those by which kiwi builds the sample recipe."""

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
"""What the recipe trusts."""


def set_up_jobs(settings: dict[str, str]) -> str | None:
    """
    Add what makes the service work on jobs itself to the settings, where the user has not set it;
    install kiwi, the first time on a machine.

    @return: why jobs are not worked on, and what helps; C{None}: they are.
    """
    why_not = _why_not(settings)
    # A cluster that the user has at hand is never taken for one to try this on.
    settings.setdefault("IMS_JOB_BACKEND", "none" if why_not else "local")
    settings.setdefault("IMS_SSH_HOST", "localhost")
    settings.setdefault("DEFAULT_IMS_IMAGE_SIZE", "8")
    return why_not


def _why_not(settings: dict[str, str]) -> str | None:
    backend = settings.get("IMS_JOB_BACKEND", "local")
    if backend != "local":
        return f"IMS_JOB_BACKEND is {backend}"
    kiwi_is_ours = "IMS_KIWI" not in settings
    missing = list(_missing(building=kiwi_is_ours))
    if missing:
        return f"{'; '.join(missing)}.  What helps: {_remedy()}"
    if kiwi_is_ours:
        try:
            settings["IMS_KIWI"] = str(packaged_programs("kiwi", "60 MB") / "kiwi-ng")
        except (OSError, subprocess.CalledProcessError) as error:
            return f"kiwi-ng, which builds images of recipes, cannot be installed: {error}"
    return None


def _missing(*, building: bool) -> Iterator[str]:
    # In place of kiwi, which comes last.
    yield from missing_tools(sys.executable)
    for program in (*_PASTED, *(_BUILDING if building else ())):
        if shutil.which(program) is None:
            yield f"{program} is not installed"
    if building and not _KEYRING.exists():
        yield f"{_KEYRING} is not there"


def _remedy() -> str:
    as_root = "" if os.geteuid() == 0 else "sudo "
    return f"{as_root}requirements/packages.sh demo jobs && {as_root}make run-ims"


class Login:
    """
    A key pair, and how L{ssh(1)<https://man.openbsd.org/ssh.1>} makes use of it.

    @ivar config: a file for C{ssh -F}, by which every job's host is L{SSH_HOST}.
    @ivar public_key: for a record of it.
    """

    def __init__(self, directory: Path, host: str) -> None:
        """
        Make what is not there.

        @param host: where jobs listen.
        @raise OSError: a file cannot be written or read.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = directory / "id_ed25519"
        if not private.exists():
            _make_key(private)
        self.public_key = private.with_suffix(".pub").read_text()
        self.config = directory / "config"
        self.config.write_text(_config(directory, host))


def _make_key(private: Path) -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    private.with_suffix(".pub").write_bytes(public + b" run-ims\n")
    part = private.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    part.rename(private)


def _config(directory: Path, host: str) -> str:
    """A job listens when its image is there: it is tried for so many seconds."""
    return f"""\
Host {SSH_HOST}
    HostName {host}
    User root
    IdentityFile "{directory}/id_ed25519"
    IdentitiesOnly yes
    UserKnownHostsFile "{directory}/known_hosts"
    HostKeyAlias {SSH_HOST}
    StrictHostKeyChecking accept-new
    ConnectionAttempts 300
"""
