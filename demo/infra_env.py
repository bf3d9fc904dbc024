"""A sample infra-env as the service reads it from C{INFRA_ENVS_DIR}."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from demo.ramdisk import compressed_ramdisk

INFRA_ENV_ID = "5a3b6c1e-8f1d-4c57-9a35-0d2f6f3f7c10"

_IGNITION = {
    "ignition": {"version": "3.2.0"},
    "storage": {
        "files": [
            {
                "path": "/etc/motd",
                "mode": 420,
                "overwrite": True,
                "contents": {"source": "data:,Configured%20by%20assisted-images%0A"},
            }
        ]
    },
}
_NETWORK = b"""\
[connection]
id=eth0
type=ethernet

[ipv4]
method=manual
address1=192.0.2.10/24,192.0.2.1
"""


def write_infra_env(
    directory: Path,
    ignition: bytes,
    kernel_arguments: Sequence[str] = (),
    ramdisk: bytes = b"",
    edits: Sequence[tuple[str, str]] = (),
) -> None:
    """
    Write one infra-env: what is changed here counts at the service's next request.

    @param kernel_arguments: those that are appended.
    @param edits: further operations on them, such as C{delete}, and their values.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "discovery.ign").write_bytes(ignition)
    all_edits = [*(("append", value) for value in kernel_arguments), *edits]
    operations = [{"operation": name, "value": value} for name, value in all_edits]
    answer = {"id": directory.name, "kernel_arguments": json.dumps(operations)}
    (directory / "infra-env.json").write_text(json.dumps(answer, indent=2) + "\n")
    if ramdisk:
        (directory / "minimal-initrd").write_bytes(ramdisk)


def sample_infra_env(directory: Path) -> Path:
    """The sample below C{directory}, left alone where it is there: its user may have edited it."""
    sample = directory / INFRA_ENV_ID
    if not sample.exists():
        # Ctrl-C must not leave half of one that is taken for the user's.
        unfinished = directory / "unfinished" / INFRA_ENV_ID
        write_infra_env(
            unfinished,
            json.dumps(_IGNITION, indent=2).encode("ascii") + b"\n",
            ["sample.greeting=hello"],
            compressed_ramdisk({"etc/assisted/network/host0/eth0.nmconnection": _NETWORK}),
        )
        unfinished.rename(sample)
        unfinished.parent.rmdir()
    return sample
