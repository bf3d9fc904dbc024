"""Whether the files and directories that the settings name are there and can be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from httpd.listening.tls import tls_problems
from httpd.outbound.trust import tls_policy
from httpd.settings.files import readable_file, writable_directory
from httpd.web.bearer_keys import read_jwks, read_public_key
from image_management.jobs.kubernetes.checks import kubernetes_problems
from image_management.jobs.local.tools import missing_tools
from image_management.settings.readers import JobBackendName


def file_problems(values: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    """
    What is wrong with the files, one line each, in the manner of the settings' own problems.
    IMS_DATA_DIR is made when it is not there, if anything is to be in it.

    @param values: as far as they are known, by the names of
        L{Settings<image_management.settings.settings.Settings>}' attributes.
    @param names: what the settings are called, by the same names.
    """
    looked_at = set()
    for key, problems in _FILES.items():
        file = values.get(key)
        # Those of STS are S3's where they are not set.
        if isinstance(file, Path) and (problems, file) not in looked_at:
            looked_at.add((problems, file))
            yield from problems(names[key], file)
    if values.get("database_url") is None and "ims_data_dir" in values:
        yield from writable_directory(names["ims_data_dir"], values["ims_data_dir"])
    if values.get("ims_job_backend") is JobBackendName.KUBERNETES:
        yield from kubernetes_problems(values, names)
    if values.get("ims_job_backend") is JobBackendName.LOCAL:
        for missing in missing_tools(values.get("ims_kiwi", "")):
            yield f"{names['ims_job_backend']}: {missing}"
    yield from tls_problems(values.get)


_authorities = partial(readable_file, read=tls_policy)

_FILES: Mapping[str, Callable[[str, Path], Iterator[str]]] = {
    "s3_ssl_validate": _authorities,
    "s3_sts_ssl_validate": _authorities,
    "ims_auth_jwks_file": partial(readable_file, read=read_jwks),
    "ims_auth_public_key_file": partial(readable_file, read=read_public_key),
}
"""What is looked at for each setting, by its attribute."""
