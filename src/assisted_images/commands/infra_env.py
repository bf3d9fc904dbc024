"""C{assisted-images infra-env new}: a local infra-env, whose hosts one can log in to."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO
from uuid import UUID, uuid4

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from twisted.python import usage

from assisted_images.commands.kernel_arguments import KernelArgumentOptions
from assisted_images.values import VERSION_TEXT
from httpd.settings.options import VersionedOptions, the_one

_IGNITION_VERSION = "3.2.0"
_USER = "core"
"""Whom CoreOS has."""


class NewInfraEnvOptions(VersionedOptions, KernelArgumentOptions):
    """
    The command line.

    @ivar directory: INFRA_ENVS_DIR of the service.
    """

    version = VERSION_TEXT
    optParameters = [  # noqa: RUF012
        ["ssh-key", None, None, f"file with public keys that may log in as {_USER} (required)"],
        ["id", None, None, "its id, a UUID; by default a new one"],
    ]
    longdesc = (
        "Makes an infra-env below INFRA_ENVS_DIR, which the service has with its next request. Its"
        " files are yours to change."
    )
    examples = (
        "assisted-images infra-env new --ssh-key ~/.ssh/id_ed25519.pub /infra-envs",
        "assisted-images infra-env new --ssh-key ~/.ssh/id_ed25519.pub --kargs console=ttyS0"
        " --id 5a3b6c1e-8f1d-4c57-9a35-0d2f6f3f7c10 /infra-envs",
    )
    directory: Path

    def getSynopsis(self) -> str:  # noqa: N802
        """The first line of the help."""
        return "Usage: assisted-images infra-env new [options] <directory>"

    def parseArgs(self, *arguments: str) -> None:  # noqa: N802
        """
        Take the directory.

        @raise usage.UsageError: it is missing.
        """
        expected = "directory, which is INFRA_ENVS_DIR of the service"
        self.directory = Path(the_one(arguments, expected))

    def postOptions(self) -> None:
        """
        Check everything.

        @raise usage.UsageError: with what is wrong.
        """
        if self["ssh-key"] is None:
            raise usage.UsageError("--ssh-key is missing; expected a file with a public key")
        try:
            self["id"] = str(UUID(self["id"])) if self["id"] else str(uuid4())
        except ValueError:
            raise usage.UsageError(f"--id {self['id']!r} is no UUID; expected one") from None
        for edit in self.edits:
            if not edit.text.isprintable():
                raise usage.UsageError("--kargs has a control character; expected none")


class InfraEnvOptions(VersionedOptions):
    """What to do with infra-envs."""

    version = VERSION_TEXT
    subCommands = [["new", None, NewInfraEnvOptions, "make one"]]  # noqa: N815, RUF012
    longdesc = "Infra-envs without assisted-service: directories below INFRA_ENVS_DIR."
    examples = NewInfraEnvOptions.examples

    def getSynopsis(self) -> str:  # noqa: N802
        """The first line of the help."""
        return "Usage: assisted-images infra-env new [options] <directory>"

    def postOptions(self) -> None:
        """
        Something is to be done.

        @raise usage.UsageError: it is not said what.
        """
        if self.subCommand is None:
            raise usage.UsageError("no command; expected: assisted-images infra-env new")


async def new_infra_env(options: NewInfraEnvOptions, output: TextIO) -> None:
    """
    Make an infra-env, and write its id and its paths at the service.

    @raise OSError: the key cannot be read, or the infra-env cannot be written or is there already.
    @raise ValueError: what was read is no public key.
    """
    keys = _public_keys(Path(options["ssh-key"]))
    id = options["id"]
    with TemporaryDirectory(dir=options.directory, prefix=".new-") as unfinished:
        # It is there as a whole, or not at all.
        directory = Path(unfinished) / id
        directory.mkdir()
        user = {"name": _USER, "sshAuthorizedKeys": keys}
        ignition = {"ignition": {"version": _IGNITION_VERSION}, "passwd": {"users": [user]}}
        _write(directory / "discovery.ign", ignition)
        operations = [
            {"operation": edit.operation, "value": edit.text} for edit in options.kernel_arguments
        ]
        _write(directory / "infra-env.json", {"id": id, "kernel_arguments": operations})
        directory.rename(options.directory / id)
    output.write(
        f"infra-env     {id}\n"
        f"its files     {options.directory / id}\n"
        f"full ISO      /byid/{id}/<version>/<architecture>/full.iso\n"
        f"minimal ISO   /byid/{id}/<version>/<architecture>/minimal.iso\n"
        f"iPXE script   /images/{id}/ipxe-script?version=<version>&arch=<architecture>\n"
    )


def _public_keys(file: Path) -> list[str]:
    """The lines of a file that are keys, as C{authorized_keys} has them."""
    lines = [line.strip() for line in file.read_text("utf-8", "replace").splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    for key in keys:
        try:
            load_ssh_public_key(key.encode())
        except (ValueError, UnsupportedAlgorithm):
            # What was read is not shown: it may be the private key.
            raise ValueError(
                f"{file} is no public SSH key; expected lines such as 'ssh-ed25519 AAAA… name', as"
                " in a file whose name ends in .pub"
            ) from None
    if not keys:
        raise ValueError(f"{file} has no key; expected one a line")
    return keys


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
