"""
Every setting, one row each: what the environment, the command line, the help and the documentation
are made from.
"""

from __future__ import annotations

from assisted_images.catalog.built_in import built_in_catalog
from assisted_images.catalog.os_images import parse_os_images
from assisted_images.catalog.release_images import parse_release_images
from assisted_images.oci.auths import PullSecret
from assisted_images.settings.readers import http_serves, image_fetch, ready_when
from httpd.settings import readers
from httpd.settings.listening import PAGE_SETTINGS, listening
from httpd.settings.setting import Setting

SETTINGS: tuple[Setting, ...] = (
    Setting(
        ("DATA_DIR",),
        "directory of the OS images and of what is derived from them",
        readers.path,
        required=True,
        absent_text="required",
    ),
    Setting(
        ("DATA_TEMP_DIR",),
        "accepted, since the Go service has it, and not used: nothing here needs scratch space",
        readers.path,
        used=False,
    ),
    Setting(
        ("OS_IMAGES", "RHCOS_VERSIONS"),
        "JSON list of the OS images to serve",
        parse_os_images,
        absent=built_in_catalog(),
        absent_text="public RHCOS images",
        attribute="catalog",
    ),
    Setting(
        ("RELEASE_IMAGES",),
        "JSON list of OpenShift release images, from 4.11 on, whose ISOs are served, too; set alone"
        " it takes the place of the public RHCOS images",
        parse_release_images,
        absent=(),
        absent_text="none",
    ),
    Setting(
        ("SERVE_RELEASE_IMAGES",),
        "whether RELEASE_IMAGES is meant for this service, and not for assisted-service alone",
        readers.boolean,
        absent_text="true, but where OS_IMAGES is set and no registry setting is",
    ),
    Setting(
        ("PULL_SECRET",),
        "JSON of a docker auth file: who this service is at the registries of RELEASE_IMAGES and of"
        " their mirrors",
        PullSecret.parse,
        absent_text="anonymous",
    ),
    Setting(
        ("PULL_SECRET_FILE",),
        "the same, in a file; at most one of the two is set",
        readers.path,
    ),
    Setting(
        ("REGISTRIES_CONF",),
        "containers-registries.conf, version 2, with the mirrors of registries",
        readers.path,
    ),
    Setting(
        ("REGISTRY_TRUSTED_CA_FILE",),
        "PEM bundle trusted for registries besides the system's roots",
        readers.path,
    ),
    *listening("8080"),
    Setting(
        ("HTTP_SERVES",),
        "what the plain listener serves when a TLS listener is open too: boot (PXE initrds, boot"
        " artifacts, health pages) or all",
        http_serves,
        "boot",
    ),
    *PAGE_SETTINGS,
    Setting(
        ("READY_WHEN",),
        "when /health is 200: all (every image is ready) or any (one is)",
        ready_when,
        "all",
    ),
    Setting(
        ("ASSISTED_SERVICE_SCHEME",),
        "how assisted-service is spoken to: http or https",
        readers.scheme,
        "http",
    ),
    Setting(
        ("ASSISTED_SERVICE_HOST",),
        "assisted-service, as host or host:port; exactly one of this and INFRA_ENVS_DIR is set",
        readers.host_and_port,
    ),
    Setting(
        ("ASSISTED_SERVICE_API_TRUSTED_CA_FILE", "HTTPS_CA_FILE"),
        "PEM bundle trusted for assisted-service besides the system's roots",
        readers.path,
    ),
    Setting(
        ("INFRA_ENVS_DIR",),
        "directory with a subdirectory for each infra-env, to serve without assisted-service and"
        " without credentials",
        readers.path,
    ),
    Setting(
        ("URL_SIGNING_KEY_FILE",),
        "file with the key of signed URLs, which hold until a time, for the infra-envs of"
        " INFRA_ENVS_DIR: 32 random bytes in base64",
        readers.path,
    ),
    Setting(
        ("SIGNED_URLS_ONLY",),
        "whether, with URL_SIGNING_KEY_FILE, what holds a configuration is served by signed URLs"
        " only",
        readers.boolean,
        "true",
    ),
    Setting(
        ("IMAGE_SERVICE_BASE_URL",),
        "this service as hosts see it; goes into minimal ISOs of images without rootfs_url",
        readers.base_url,
    ),
    Setting(
        ("ALLOWED_DOMAINS",),
        "web origins that may use images (CORS), a comma list or *",
        readers.web_origins,
        absent=(),
        absent_text="none",
    ),
    Setting(
        ("INSECURE_SKIP_VERIFY",),
        "do not verify TLS certificates when OS images are downloaded",
        readers.boolean,
        "false",
    ),
    Setting(
        ("OS_IMAGE_DOWNLOAD_TRUSTED_CA_FILE",),
        "PEM bundle trusted for OS image downloads besides the system's roots",
        readers.path,
    ),
    Setting(
        ("OS_IMAGES_REQUEST_HEADERS",),
        "JSON object of strings: HTTP fields added to every OS image download",
        readers.headers,
        absent={},
    ),
    Setting(
        ("OS_IMAGES_REQUEST_QUERY_PARAMS",),
        "JSON object of strings: query parameters added to every OS image download",
        readers.query_parameters,
        absent={},
    ),
    Setting(
        ("HTTP_PROXY", "http_proxy"),
        "proxy for http URLs of OS images, registries and assisted-service",
        readers.proxy_url,
    ),
    Setting(
        ("HTTPS_PROXY", "https_proxy"),
        "proxy for https URLs of OS images, registries and assisted-service",
        readers.proxy_url,
    ),
    Setting(
        ("NO_PROXY", "no_proxy"),
        "comma list of hosts, domains and networks that are reached without a proxy, as Go programs"
        " read it",
        readers.text_as_it_is,
    ),
    Setting(
        ("MIN_ROOTFS_BYTES",),
        "an OS image whose rootfs is smaller is refused",
        readers.count(0),
        "104857600",
    ),
    Setting(
        ("MIN_KERNEL_BYTES",),
        "an OS image whose kernel is smaller is refused",
        readers.count(0),
        "5242880",
    ),
    Setting(
        ("DOWNLOAD_STALL_SECONDS",),
        "an OS image's origin that sends nothing for so long is given up until the next try",
        readers.seconds(zero=False),
        "60",
    ),
    Setting(
        ("DOWNLOAD_RETRY_SECONDS",),
        "time until a failed OS image is tried again; twice as long with each failure in a row, up"
        " to 300",
        readers.seconds(zero=False),
        "5",
    ),
    Setting(
        ("IMAGE_FETCH",),
        "what of the OS images of OS_IMAGES is brought here: whole (all of it, before it is"
        " served), on-demand (what clients ask for, when they do) or background (that first, and"
        " all the rest meanwhile); an image's own fetch beats it",
        image_fetch,
        "whole",
    ),
    Setting(
        ("CACHE_BYTES",),
        "room on the disk for the parts of all images that are fetched on demand; the least"
        " recently used ones go first",
        readers.count(1 << 20),
        absent_text="as much as there is",
    ),
    Setting(
        ("ORIGIN_CONNECTIONS",),
        "requests at once to one server for parts of images that are fetched on demand",
        readers.count(1, 64),
        "8",
    ),
    Setting(
        ("S3_ENDPOINT",),
        "URL of the S3 server that OS images with an s3 URL are on; its buckets are addressed by"
        " path",
        readers.base_url,
    ),
    Setting(
        ("S3_REGION",),
        "region that requests to it are signed for",
        readers.region,
        "us-east-1",
    ),
    Setting(
        ("S3_ACCESS_KEY",),
        "key by which it knows this service",
        readers.secret,
        absent_text="anonymous",
    ),
    Setting(
        ("S3_SECRET_KEY",),
        "secret that belongs to S3_ACCESS_KEY",
        readers.secret,
    ),
    Setting(
        ("S3_SECRET_KEY_FILE",),
        "the same, in a file; at most one of the two is set",
        readers.path,
    ),
    Setting(
        ("CONFIG_SHARE_SECONDS",),
        "how long requests for one image by one client share one fetched configuration; 0: never",
        readers.seconds(zero=True),
        "60",
    ),
    Setting(
        ("CONFIG_CACHE_URL",),
        "Redis in which replicas share the configurations that they fetch:"
        " redis://[[user]:password@]host[:port][/database], or rediss:// for TLS",
        readers.redis_url,
    ),
    Setting(
        ("CONFIG_CACHE_KEY_FILE",),
        "file with the key by which they are sealed there, the same for all replicas: 32 random"
        " bytes in base64; required with CONFIG_CACHE_URL",
        readers.path,
    ),
    Setting(
        ("CONFIG_CACHE_TRUSTED_CA_FILE",),
        "PEM bundle trusted for that Redis besides the system's roots",
        readers.path,
    ),
    Setting(
        ("ASSISTED_SERVICE_SECONDS",),
        "time for one call to assisted-service",
        readers.seconds(zero=False),
        "60",
    ),
    Setting(
        ("WORKERS",),
        "processes that share the listeners: one for each CPU that is to serve",
        readers.count(1, 1024),
        "1",
    ),
)
"""Every setting."""
