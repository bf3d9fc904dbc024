"""
Every setting, one row each: what the environment, the command line, the help and the documentation
are made from.
"""

from __future__ import annotations

from httpd.settings import readers as common
from httpd.settings.listening import PAGE_SETTINGS, listening
from httpd.settings.setting import Setting
from image_management.settings import readers
from image_management.settings.job_table import JOB_SETTINGS

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
    *PAGE_SETTINGS,
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
    *JOB_SETTINGS,
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
