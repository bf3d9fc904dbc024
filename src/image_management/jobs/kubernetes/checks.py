"""Whether the cluster that the settings name can be spoken to, and jobs be made there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from image_management.jobs.kubernetes.connection import Cluster, cluster_of_file, cluster_of_pod
from image_management.jobs.kubernetes.finishing import load_own_key
from image_management.jobs.kubernetes.template_sets import has_templates, template_sets
from image_management.jobs.kubernetes.templates import BadTemplate
from image_management.jobs.ssh.host_keys import BadHostKey

_IMAGES = ("ims_utils_image", "ims_builder_image", "ims_sshd_image")


def find_cluster(kubeconfig: Path | None, host: str | None, port: int) -> Cluster:
    """
    The cluster.  Blocking.

    @param host: of its API, as a pod has it, for where there is no kubeconfig.
    @raise ValueError: it cannot be spoken to; the text says why.
    """
    if kubeconfig is not None:
        return cluster_of_file(kubeconfig, time.monotonic)
    if host is None:
        raise ValueError("nothing says where it is")
    return cluster_of_pod(host, port, time.monotonic)


def kubernetes_problems(values: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    """
    What is wrong with the files that say where the cluster is, and what jobs are made of, one line
    each.

    @param values: as far as they are known, by the names of the settings' attributes.
    @param names: what the settings are called, by the same names.
    """
    kubeconfig, host = values.get("kubeconfig"), values.get("kubernetes_service_host")
    if kubeconfig is not None or host is not None:
        place = "kubernetes_service_host" if kubeconfig is None else "kubeconfig"
        try:
            find_cluster(kubeconfig, host, values.get("kubernetes_service_port", 443))
        except ValueError as error:
            yield f"{names[place]}: {error}"
    if (data_dir := values.get("ims_data_dir")) is not None:
        try:
            load_own_key(data_dir / "ssh")
        except (OSError, BadHostKey) as error:
            yield f"{names['ims_data_dir']}: the key to log in to jobs with: {error}"
    if (folder := values.get("ims_job_template_path")) is not None:
        yield from _template_problems(folder, values, names)


def _template_problems(
    folder: Path, values: Mapping[str, Any], names: Mapping[str, str]
) -> Iterator[str]:
    try:
        template_sets(folder)
    except BadTemplate as error:
        yield f"{names['ims_job_template_path']}: {error}"
    if not has_templates(folder):
        for image in _IMAGES:
            if image in values and values[image] is None:
                yield (
                    f"{names[image]}: not set; expected a container image, as"
                    f" {names['ims_job_template_path']} has no templates, which would name it"
                )
