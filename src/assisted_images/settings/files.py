"""Whether the files and directories that the settings name are there and can be used."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from assisted_images.registries.files import read_mirrors, read_pull_secret
from httpd.listening.tls import tls_problems
from httpd.outbound.trust import tls_policy
from httpd.settings.files import readable_file, writable_directory


def file_problems(values: Mapping[str, Any]) -> Iterator[str]:
    """
    What is wrong with the files, one line each, in the manner of the settings' own problems.
    DATA_DIR is made when it is not there.

    @param values: as far as they are known, by the names of
        L{Settings<assisted_images.settings.settings.Settings>}' attributes.
    """
    yield from writable_directory("DATA_DIR", values.get("data_dir"))
    yield from _infra_envs_dir(values.get("infra_envs_dir"))
    for key in (
        "assisted_service_api_trusted_ca_file",
        "os_image_download_trusted_ca_file",
        "registry_trusted_ca_file",
    ):
        yield from readable_file(key.upper(), values.get(key), tls_policy)
    yield from readable_file("PULL_SECRET_FILE", values.get("pull_secret_file"), read_pull_secret)
    yield from readable_file("REGISTRIES_CONF", values.get("registries_conf"), read_mirrors)
    yield from tls_problems(values.get)


def _infra_envs_dir(directory: Path | None) -> Iterator[str]:
    if directory is not None and not (directory.is_dir() and os.access(directory, os.X_OK)):
        yield (
            f"INFRA_ENVS_DIR: {directory} is no directory that can be read;"
            " expected one with a subdirectory for each infra-env"
        )
