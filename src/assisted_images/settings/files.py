"""Whether the files and directories that the settings name are there and can be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from assisted_images.infra_envs.sealing import read_secret
from assisted_images.registries.files import read_mirrors, read_pull_secret, read_s3_key
from httpd.listening.tls import tls_problems
from httpd.outbound.trust import tls_policy
from httpd.settings.files import readable_directory, readable_file, writable_directory


def file_problems(values: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    """
    What is wrong with the files, one line each, in the manner of the settings' own problems.
    DATA_DIR is made when it is not there.

    @param values: as far as they are known, by the names of
        L{Settings<assisted_images.settings.settings.Settings>}' attributes.
    @param names: what the settings are called, by the same names.
    """
    for key, problems in _FILES.items():
        if values.get(key) is not None:
            yield from problems(names[key], values[key])
    yield from tls_problems(values.get)


def _data_dir(name: str, directory: Path) -> Iterator[str]:
    """A volume may be read-only, such as one that is filled elsewhere, if it has images."""
    problems = [*writable_directory(name, directory)]
    with suppress(OSError):
        if problems and any(directory.glob("rhcos-*.iso")):
            return
    yield from problems


_infra_envs = partial(
    readable_directory, expected="a directory with a subdirectory for each infra-env"
)
_authorities = partial(readable_file, read=tls_policy)

_FILES: Mapping[str, Callable[[str, Path], Iterator[str]]] = {
    "data_dir": _data_dir,
    "infra_envs_dir": _infra_envs,
    "assisted_service_api_trusted_ca_file": _authorities,
    "os_image_download_trusted_ca_file": _authorities,
    "registry_trusted_ca_file": _authorities,
    "config_cache_trusted_ca_file": _authorities,
    "config_cache_key_file": partial(readable_file, read=read_secret),
    "url_signing_key_file": partial(readable_file, read=read_secret),
    "pull_secret_file": partial(readable_file, read=read_pull_secret),
    "s3_secret_key_file": partial(readable_file, read=read_s3_key),
    "registries_conf": partial(readable_file, read=read_mirrors),
}
"""What is looked at for each setting, by its attribute."""
