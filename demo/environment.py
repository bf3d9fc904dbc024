"""
The settings C{make run} starts the service with.

Whatever the user sets stays; a sample stands in for the OS images and for assisted-service where
none are set.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from demo.certificate import QEMU_HOST, CertificateFiles, development_certificate
from demo.infra_env import sample_infra_env
from demo.ingredients import find_ingredients
from demo.sample_image import sample_tree, write_image
from httpd.settings.readers import port

OPENSHIFT_VERSION = "4.17"
VERSION = "417.94.202601010000-0"
ARCHITECTURE = "x86_64"

TLS_PORT = "8443"
PLAIN_PORT = "8080"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is to be started."""

    settings: Mapping[str, str]
    """The process's whole environment."""

    authority: Path
    """What clients of the TLS listener trust."""

    infra_env: Path | None
    """The sample infra-env, where one is served."""

    missing: tuple[str, ...] = ()
    """What keeps the sample image from booting."""


def prepare(environment: Mapping[str, str], data: Path, say: Callable[[str], None]) -> Prepared:
    """
    Make what is missing below C{data}: a certificate, a sample image, a sample infra-env.

    @param environment: the user's.
    @param say: called with what is being done.
    """
    # An empty setting is one that is not set.
    settings = {name: value for name, value in environment.items() if value}
    missing: tuple[str, ...] = ()
    infra_env = None
    certificate = with_listeners(settings, data / "certificate", TLS_PORT, PLAIN_PORT)
    settings.setdefault("HTTP_SERVES", "all")
    settings.setdefault("DRAIN_SECONDS", "5")
    guests = f"http://{QEMU_HOST}:{_port(settings['HTTP_LISTEN_PORT'])}"
    if settings.get("OS_IMAGES") or settings.get("RHCOS_VERSIONS"):
        settings.setdefault("IMAGE_SERVICE_BASE_URL", guests)
    else:
        say("Making the sample image")
        # Without a base URL the page's addresses are those by which it was found.
        base = settings.get("IMAGE_SERVICE_BASE_URL", guests)
        missing = _sample_image(settings, data / "sample-image", base)
    settings.setdefault("DATA_DIR", str(data / "images"))
    if not (settings.get("ASSISTED_SERVICE_HOST") or settings.get("INFRA_ENVS_DIR")):
        infra_env = sample_infra_env(data / "infra-envs")
        settings["INFRA_ENVS_DIR"] = str(infra_env.parent)
        say(f"The sample infra-env is {infra_env}")
    return Prepared(settings, certificate.authority, infra_env, missing)


def _port(text: str) -> int:
    """The port; where it is none the service will say so, and need not say it of a URL, too."""
    try:
        return port(text)
    except ValueError:
        return int(PLAIN_PORT)


def with_listeners(
    settings: dict[str, str], directory: Path, tls_port: str, plain_port: str
) -> CertificateFiles:
    """
    Add listeners to the settings, where the user has not set them: with TLS and without.

    @param directory: where a development certificate is, or is made, if one is needed.
    @return: the certificate.
    """
    settings.setdefault("LISTEN_PORT", tls_port)
    settings.setdefault("HTTP_LISTEN_PORT", plain_port)
    if settings.get("HTTPS_CERT_FILE"):
        own = Path(settings["HTTPS_CERT_FILE"])
        return CertificateFiles(own, own, Path(settings.get("HTTPS_KEY_FILE", "")))
    files = development_certificate(directory)
    settings["HTTPS_CERT_FILE"] = str(files.certificate)
    settings["HTTPS_KEY_FILE"] = str(files.key)
    return files


def _sample_image(settings: dict[str, str], directory: Path, base: str) -> tuple[str, ...]:
    """
    Put the sample image where the service looks for a downloaded one, and configure it.

    @param base: the service's URL as those see it that boot the image.
    @return: what keeps it from booting.
    """
    found = find_ingredients()
    directory.mkdir(parents=True, exist_ok=True)
    name = f"rhcos-full-iso-{VERSION}-{ARCHITECTURE}.iso"
    for earlier in directory.glob(f"{name}*"):
        earlier.unlink()  # with what the service has noted of it: the new one has other bytes
    write_image(sample_tree(found), directory / name)
    entry = {
        "openshift_version": OPENSHIFT_VERSION,
        "cpu_architecture": ARCHITECTURE,
        "version": VERSION,
        # Never asked: the image is there.
        "url": "http://localhost:9/sample.iso",
        "rootfs_url": f"{base}/boot-artifacts/rootfs?arch={ARCHITECTURE}&version={VERSION}",
    }
    settings["OS_IMAGES"] = json.dumps([entry])
    settings["DATA_DIR"] = str(directory)
    settings |= {"MIN_KERNEL_BYTES": "1", "MIN_ROOTFS_BYTES": "1"}
    return found.missing
