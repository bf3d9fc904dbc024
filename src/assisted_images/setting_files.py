"""Whether the files and directories that the settings name are there and can be used."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from assisted_images.sources.registry_files import read_mirrors, read_pull_secret
from assisted_images.sources.trust import tls_policy
from assisted_images.tls import TlsError, TlsFiles


def file_problems(values: Mapping[str, Any]) -> Iterator[str]:
    """
    What is wrong with the files, one line each, in the manner of the settings' own problems.
    DATA_DIR is made when it is not there.

    @param values: as far as they are known, by the names of
        L{Settings<assisted_images.settings.Settings>}' attributes.
    """
    yield from _data_dir(values.get("data_dir"))
    yield from _infra_envs_dir(values.get("infra_envs_dir"))
    for key in (
        "assisted_service_api_trusted_ca_file",
        "os_image_download_trusted_ca_file",
        "registry_trusted_ca_file",
    ):
        yield from _readable(key.upper(), values.get(key), tls_policy)
    yield from _readable("PULL_SECRET_FILE", values.get("pull_secret_file"), read_pull_secret)
    yield from _readable("REGISTRIES_CONF", values.get("registries_conf"), read_mirrors)
    files = TlsFiles.of(values.get)
    if files is not None:
        try:
            files.context()
        except TlsError as error:
            yield f"HTTPS_KEY_FILE, HTTPS_CERT_FILE: {error}"


def _data_dir(directory: Path | None) -> Iterator[str]:
    if directory is None:
        return
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        yield (
            f"DATA_DIR: {directory} cannot be made: {error.strerror};"
            " expected a directory that can be written"
        )
        return
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        yield f"DATA_DIR: {directory} may not be written; expected a directory that can be written"


def _infra_envs_dir(directory: Path | None) -> Iterator[str]:
    if directory is not None and not (directory.is_dir() and os.access(directory, os.X_OK)):
        yield (
            f"INFRA_ENVS_DIR: {directory} is no directory that can be read;"
            " expected one with a subdirectory for each infra-env"
        )


def _readable(name: str, file: Path | None, read: Callable[[Path], object]) -> Iterator[str]:
    if file is not None:
        try:
            read(file)
        except ValueError as error:
            yield f"{name}: {error}"
