"""
Every setting, one row each: what the environment, the command line, the help and the documentation
are made from.
"""

from __future__ import annotations

from httpd.settings import readers as common
from httpd.settings.listening import listening
from httpd.settings.setting import Setting
from image_management.records.inputs import LARGEST_SIZE
from image_management.settings import readers

STORE_SETTINGS: tuple[Setting, ...] = (
    Setting(
        ("IMS_DATA_DIR",),
        "directory of the embedded database; of Cray's files in it, it takes over the newest when"
        " there is no database yet",
        common.path,
        "/var/ims/data",
    ),
    Setting(
        ("DATABASE_URL",),
        "PostgreSQL database that several replicas share, postgresql://user:password@host/database",
        readers.database_url,
        absent_text="the embedded one in IMS_DATA_DIR, for this process alone",
    ),
    Setting(
        ("FLASK_ENV",),
        "development: IMS_DATA_DIR is $HOME/ims/data where it is not set; anything else is accepted"
        " and not used",
        common.text_as_it_is,
        used=False,
    ),
)
"""What says where the records are."""

SETTINGS: tuple[Setting, ...] = (
    Setting(
        ("S3_ENDPOINT",),
        "URL of the S3 server that artifacts are in; its buckets are addressed by path",
        common.base_url,
        required=True,
        absent_text="required",
    ),
    Setting(
        ("S3_ACCESS_KEY",),
        "key by which the S3 server knows this service",
        readers.secret,
        required=True,
        absent_text="required",
    ),
    Setting(
        ("S3_SECRET_KEY",),
        "secret that belongs to S3_ACCESS_KEY",
        readers.secret,
        required=True,
        absent_text="required",
    ),
    Setting(
        ("S3_REGION", "AWS_REGION"),
        "region that requests to S3 are signed for",
        readers.region,
        "us-east-1",
    ),
    Setting(
        ("S3_SSL_VALIDATE",),
        "whether the S3 server's certificate is verified: false, true, or by the PEM bundle of this"
        " path besides the system's roots",
        readers.certificates,
        "false",
    ),
    Setting(
        ("S3_STS_ENDPOINT",),
        "URL of the S3 server for objects that the user STS owns",
        common.base_url,
        absent_text="S3_ENDPOINT",
    ),
    Setting(
        ("S3_STS_ACCESS_KEY",),
        "access key with which objects that the user STS owns are copied",
        readers.secret,
        absent_text="S3_ACCESS_KEY",
    ),
    Setting(
        ("S3_STS_SECRET_KEY",),
        "secret that belongs to S3_STS_ACCESS_KEY",
        readers.secret,
        absent_text="S3_SECRET_KEY",
    ),
    Setting(
        ("S3_STS_SSL_VALIDATE",),
        "as S3_SSL_VALIDATE, for S3_STS_ENDPOINT",
        readers.certificates,
        absent_text="S3_SSL_VALIDATE",
    ),
    Setting(
        ("S3_IMS_BUCKET",),
        "bucket of recipes",
        readers.bucket,
        "ims",
    ),
    Setting(
        ("S3_BOOT_IMAGES_BUCKET",),
        "bucket of images, and of the manifests of what was deleted",
        readers.bucket,
        "boot-images",
    ),
    Setting(
        ("S3_URL_EXPIRATION",),
        "for how many seconds jobs may download by a presigned URL",
        readers.url_expiration,
        "432000",
    ),
    Setting(
        ("S3_CONNECT_TIMEOUT",),
        "time to connect to S3",
        common.seconds(zero=False),
        "60",
    ),
    Setting(
        ("S3_READ_TIMEOUT",),
        "an S3 server that sends nothing for so long is given up",
        common.seconds(zero=False),
        "60",
    ),
    Setting(
        ("MAX_IMAGE_MANIFEST_SIZE_BYTES",),
        "an image's manifest has to be smaller",
        common.count(1),
        "1048576",
    ),
    *STORE_SETTINGS,
    *listening("9000"),
    Setting(
        ("DEBUG",),
        "true: LOG_LEVEL is debug where it is not set",
        readers.boolean,
        used=False,
    ),
    Setting(
        ("IMS_PATH_PREFIX",),
        "what stands before every path, such as /apis/ims",
        readers.path_prefix,
        absent="",
        absent_text="nothing",
    ),
    Setting(
        ("IMS_READY_NEEDS_S3",),
        "whether /healthz/ready fails while S3 does not answer",
        readers.boolean,
        "false",
    ),
    Setting(
        ("IMS_AUTH_JWKS_FILE",),
        "JSON Web Key Set (RFC 7517) that bearer tokens are verified by: scope ims:read to read,"
        " ims:write for the rest",
        common.path,
        absent_text="no tokens are asked for",
    ),
    Setting(
        ("IMS_AUTH_PUBLIC_KEY_FILE",),
        "PEM file of a public key or certificate that bearer tokens are verified by; at most one of"
        " the two is set",
        common.path,
        absent_text="no tokens are asked for",
    ),
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
        "directory of the templates of jobs' Kubernetes objects",
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
        "where jobs are worked on: local, by this host itself, for which the service has to be root"
        " and needs some programs; none, nowhere: a new job is refused",
        readers.job_backend,
        "none",
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
    Setting(
        ("TESTING",),
        "accepted, since Cray's service has it, and not used",
        common.text_as_it_is,
        used=False,
    ),
    Setting(
        ("GUNICORN_WORKER_TIMEOUT",),
        "accepted, since Cray's service has it, and not used: nothing here waits for a worker",
        common.text_as_it_is,
        used=False,
    ),
)
"""Every setting."""
