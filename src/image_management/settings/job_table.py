"""The settings that concern jobs: what they get, where they are worked on, and by whom reached."""

from __future__ import annotations

from httpd.settings import readers as common
from httpd.settings.setting import Setting
from image_management.records.inputs import LARGEST_SIZE
from image_management.settings import readers

_NAMED_BY_TEMPLATES = "named by templates; required where IMS_JOB_TEMPLATE_PATH has none"

JOB_SETTINGS: tuple[Setting, ...] = (
    Setting(
        ("DEFAULT_IMS_IMAGE_SIZE",),
        "GiB of storage of a job that does not say how much",
        common.count(1, LARGEST_SIZE),
        "60",
    ),
    Setting(
        ("DEFAULT_IMS_JOB_MEM_SIZE",),
        "GiB of memory of a job that does not say how much",
        common.count(1, LARGEST_SIZE),
        "8",
    ),
    Setting(
        ("DEFAULT_IMS_JOB_NAMESPACE",),
        "Kubernetes namespace of jobs",
        readers.dns_label,
        "ims",
    ),
    Setting(
        ("DEFAULT_IMS_JOB_REMOTE_TIMEOUT_COUNT",),
        "missed heartbeats after which a job on a remote build node fails",
        common.count(1),
        "12",
    ),
    Setting(
        ("IMS_REMOTE_KEY_FILE",),
        "private key of SSH with which root logs in to remote build nodes",
        common.path,
        "/app/id_ecdsa",
    ),
    Setting(
        ("IMS_REMOTE_KNOWN_HOSTS",),
        "file of the host keys of remote build nodes, as ssh-keyscan writes it",
        common.path,
        absent_text="a node is trusted when it is met first, and its key is kept",
    ),
    Setting(
        ("IMS_JOB_TEMPLATE_PATH",),
        "directory of the site's own templates of jobs' Kubernetes objects, in the files of Cray's"
        " chart; where there are none, those of this service are used",
        common.path,
        "/mnt/ims/v2/job_templates",
    ),
    Setting(
        ("JOB_CUSTOMER_ACCESS_NETWORK_DOMAIN",),
        "domain of the names by which jobs are reached from outside",
        readers.dns_name,
        "shasta.local",
    ),
    Setting(
        ("JOB_CUSTOMER_ACCESS_SUBNET_NAME",),
        "network within that domain",
        readers.dns_name,
        "cmn",
    ),
    Setting(
        ("JOB_CUSTOMER_ACCESS_NETWORK_ACCESS_POOL",),
        "MetalLB address pool of jobs",
        readers.dns_name,
        "customer-management",
    ),
    Setting(
        ("JOB_ENABLE_DKMS",),
        "whether customizing an image needs kernel modules, where neither job nor recipe says",
        readers.boolean,
        "true",
    ),
    Setting(
        ("JOB_KATA_RUNTIME",),
        "Kubernetes runtime class of jobs that need kernel modules",
        readers.dns_name,
        "kata-qemu",
    ),
    Setting(
        ("JOB_AARCH64_RUNTIME",),
        "Kubernetes runtime class of jobs for aarch64",
        readers.dns_name,
        "kata-qemu",
    ),
    Setting(
        ("CA_CERT",),
        "PEM file of the certificate authority that images come to trust",
        common.path,
    ),
    Setting(
        ("API_GATEWAY_HOSTNAME",),
        "host of the API gateway, for jobs",
        readers.dns_name,
    ),
    Setting(
        ("IMS_JOB_BACKEND",),
        "where jobs are worked on: kubernetes, in a cluster; local, by this host itself, for which"
        " the service has to be root and needs some programs; none, nowhere: a new job is refused",
        readers.job_backend,
        absent_text="kubernetes where KUBECONFIG or KUBERNETES_SERVICE_HOST is set, else none",
    ),
    Setting(
        ("KUBECONFIG",),
        "kubeconfig of the cluster in which jobs are worked on, whose current context counts",
        common.path,
        absent_text="the cluster in which the service runs, as its pod's service account",
    ),
    Setting(
        ("KUBERNETES_SERVICE_HOST",),
        "host of that cluster's API, as a pod has it",
        readers.ssh_host,
        absent_text="the service is in no pod",
    ),
    Setting(
        ("KUBERNETES_SERVICE_PORT",),
        "port of that cluster's API, as a pod has it",
        common.count(1, 65535),
        "443",
    ),
    Setting(
        ("IMS_UTILS_IMAGE",),
        "container image that prepares, packs and uploads what jobs in a cluster work on",
        readers.container_image,
        absent_text=_NAMED_BY_TEMPLATES,
    ),
    Setting(
        ("IMS_BUILDER_IMAGE",),
        "container image that builds images of recipes",
        readers.container_image,
        absent_text=_NAMED_BY_TEMPLATES,
    ),
    Setting(
        ("IMS_SSHD_IMAGE",),
        "container image that users of jobs in a cluster log in to",
        readers.container_image,
        absent_text=_NAMED_BY_TEMPLATES,
    ),
    Setting(
        ("IMS_JOB_PENDING_TIMEOUT",),
        "seconds after which a job in a cluster has failed that cannot be begun there",
        common.seconds(zero=False),
        "1800",
    ),
    Setting(
        ("IMS_REAP_CRAY",),
        "whether objects of jobs that have no record are deleted, too, where Cray's service made"
        " them, or an earlier release of it: they are known by their names alone",
        readers.boolean,
        "false",
    ),
    Setting(
        ("IMS_WORK_DIR",),
        "directory in which local jobs work, a folder each",
        common.path,
        absent_text="jobs in IMS_DATA_DIR",
    ),
    Setting(
        ("IMS_SSH_HOST",),
        "name or address by which the users of local jobs reach this host",
        readers.ssh_host,
        absent_text="this host's name",
    ),
    Setting(
        ("IMS_SSH_PORTS",),
        "TCP ports on which local jobs listen for their users, one each; 0: any that is free",
        readers.ports,
        "2022-2121",
    ),
    Setting(
        ("IMS_JOB_SLOTS",),
        "local jobs that work at once; others wait, first come first served",
        common.count(1, 1000),
        "2",
    ),
    Setting(
        ("IMS_JOB_SHELLS",),
        "local jobs that there may be at a time that somebody logs in to; they take no slot while"
        " they wait for their users",
        common.count(0, 10_000),
        "20",
    ),
    Setting(
        ("IMS_KIWI",),
        "program by which local jobs build images",
        common.text_as_it_is,
        "kiwi-ng",
    ),
    Setting(
        ("IMS_STAGE_TIMEOUT",),
        "seconds that a stage of a local job may take, but for its user's turn",
        common.seconds(zero=False),
        "21600",
    ),
    Setting(
        ("IMS_JOB_IDLE_TIMEOUT",),
        "hours without anybody logged in, after which a local job that waits for its user fails; 0:"
        " none",
        common.seconds(zero=True),
        "0",
    ),
    Setting(
        ("IMS_KEEP_FAILED",),
        "whether the folder of a local job that has failed stays until the job is deleted",
        readers.boolean,
        "false",
    ),
)
