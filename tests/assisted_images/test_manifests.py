"""
The environments that deployments of the Go service give to its container.

The variables are those that its podman manifests, the operator and the SaaS template set; the
manifests' containers share one ConfigMap, so most of them are other programs' affair.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from demo.service import ServiceProcess
from httpd.settings.cipher_suites import RETIRED, TLS12, TLS13
from tests.certificates import identity
from tests.running import base_environment

_SECONDS = 60.0
_NOWHERE = "http://127.0.0.1:1"


def _os_images(*versions: str, architectures: tuple[str, ...] = ("x86_64",)) -> str:
    return json.dumps(
        [
            {
                "openshift_version": version,
                "cpu_architecture": architecture,
                "url": f"{_NOWHERE}/{version}/{architecture}.iso",
                "version": f"{version.replace('.', '')}.86.202301010000-0",
            }
            for version in versions
            for architecture in architectures
        ],
        indent=2,
    )


def _release(version: str, *architectures: str) -> dict[str, Any]:
    one = architectures[0] if len(architectures) == 1 else "multi"
    return {
        "openshift_version": version,
        "cpu_architecture": one,
        "cpu_architectures": architectures,
        "url": f"registry.example.com/openshift/release:{version}.9-{one}",
        "version": f"{version}.9",
        "default": version == "4.14",
        "support_level": "production",
    }


_RELEASES = json.dumps(
    [
        _release("4.6", "x86_64"),
        _release("4.10", "x86_64"),
        _release("4.10", "arm64"),
        _release("4.11", "x86_64", "arm64", "ppc64le", "s390x"),
        _release("4.14", "x86_64"),
    ]
)

_PODMAN = {
    "ASSISTED_SERVICE_HOST": "127.0.0.1:8090",
    "ASSISTED_SERVICE_SCHEME": "http",
    "AUTH_TYPE": "none",
    "DB_HOST": "127.0.0.1",
    "DB_NAME": "installer",
    "DB_PASS": "db",
    "DB_PORT": "5432",
    "DB_USER": "db",
    "DEPLOY_TARGET": "onprem",
    "DEPLOYMENT_TYPE": "Podman",
    "DISK_ENCRYPTION_SUPPORT": "true",
    "DUMMY_IGNITION": "false",
    "ENABLE_SINGLE_NODE_DNSMASQ": "true",
    "ENABLE_UPGRADE_AGENT": "true",
    "HW_VALIDATOR_REQUIREMENTS": '[{"version": "default", "master": {"cpu_cores": 4}}]',
    "IMAGE_SERVICE_BASE_URL": "http://127.0.0.1:8888",
    "IPV6_SUPPORT": "true",
    "ISO_IMAGE_TYPE": "full-iso",
    "NTP_DEFAULT_SERVER": "",
    "OS_IMAGES": _os_images("4.6", "4.10", "4.14", architectures=("x86_64", "arm64")),
    "POSTGRESQL_DATABASE": "installer",
    "POSTGRESQL_PASSWORD": "db",
    "POSTGRESQL_USER": "db",
    "PUBLIC_CONTAINER_REGISTRIES": "quay.io",
    "RELEASE_IMAGES": _RELEASES,
    "SERVICE_BASE_URL": "http://127.0.0.1:8090",
    "STORAGE": "filesystem",
}

_DISCONNECTED = _PODMAN | {
    "AGENT_DOCKER_IMAGE": "registry.example.com:5000/agent:latest",
    "AIUI_CHAT_API_URL": "http://localhost:12121",
    "CONTROLLER_IMAGE": "registry.example.com:5000/controller:latest",
    "INSTALLER_IMAGE": "registry.example.com:5000/installer:latest",
    "OS_IMAGES": _os_images("4.10"),
    "RELEASE_IMAGES": json.dumps([_release("4.10", "x86_64")]),
    # podman gives every key of the ConfigMap, files for other containers, too.
    "registries.conf": 'unqualified-search-registries = ["registry.example.com"]\n',
    "tls-ca-bundle.pem": "-----BEGIN CERTIFICATE-----\n",
}

_OKD = _PODMAN | {
    "OKD_RPMS_IMAGE": "registry.example.com/okd-rpms:4.15",
    "OS_IMAGES": _os_images("4.15.0-0.okd-2024-01-01-000000"),
    "RELEASE_IMAGES": json.dumps(
        [
            {
                "openshift_version": "4.10",
                "cpu_architecture": "x86_64",
                "url": "registry.example.com/okd:4.10.0-0.okd-2022-05-07-021833",
                "version": "4.10.0-0.okd-2022-05-07-021833",
                "default": True,
            }
        ]
    ),
}

_OPERATOR = {
    "ASSISTED_SERVICE_HOST": "assisted-service.multicluster-engine.svc:8090",
    "ASSISTED_SERVICE_SCHEME": "https",
    "DATA_TEMP_DIR": "/data_temp",
    "HTTP_PROXY": "",
    "HTTPS_PROXY": "",
    "IMAGE_SERVICE_BASE_URL": "https://assisted-image-service.apps.example.com",
    "INSECURE_SKIP_VERIFY": "false",
    "NO_PROXY": ".cluster.local,.svc,10.0.0.0/16",
    "OS_IMAGES_REQUEST_HEADERS": '{"X-Token": "of a Secret"}',
    "OS_IMAGES_REQUEST_QUERY_PARAMS": '{"token": "of a Secret"}',
    "RHCOS_VERSIONS": _os_images("4.14", "4.15", "4.16"),
    # What Kubernetes adds for Services of the namespace.
    "ASSISTED_SERVICE_PORT": "tcp://10.0.0.1:8090",
    "ASSISTED_SERVICE_SERVICE_HOST": "10.0.0.1",
    "ASSISTED_IMAGE_SERVICE_PORT": "tcp://10.0.0.2:8080",
    "KUBERNETES_SERVICE_HOST": "10.0.0.3",
}

_SAAS = {
    "ASSISTED_SERVICE_HOST": "assisted-service:8090",
    "ASSISTED_SERVICE_SCHEME": "http",
    "DATA_TEMP_DIR": "/data_temp",
    "IMAGE_SERVICE_BASE_URL": "https://images.example.com",
    "IMAGE_SERVICE_HOST": "https://images.example.com",
    "RHCOS_VERSIONS": _os_images("4.9", "4.10", architectures=("x86_64", "s390x", "ppc64le")),
}


class ManifestTests(TestCase):
    """With each the service starts, and has the images that it is given."""

    timeout = 120

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir()
        self.key, self.certificate = identity("localhost", authority=True).write(self.directory)

    async def warnings(self, environment: Mapping[str, str], images: int) -> list[str]:
        """
        What the service warns of when it starts; it has to listen then, and to have so many images.

        Its directory and its ports are the test's.
        """
        service = ServiceProcess(
            cast(Any, reactor),
            base_environment()
            | dict(environment)
            | {"DATA_DIR": str(self.directory / "data"), "LISTEN_PORT": "0", "DRAIN_SECONDS": "0"},
        )

        async def stop() -> None:
            self.assertEqual(await service.stop(_SECONDS), 0)
            self.assertEqual([line for line in service.lines if "Traceback" in line], [])

        self.addCleanup(stop)
        await service.start(_SECONDS)
        scheme = "https" if environment.get("HTTPS_CERT_FILE") else "http"
        client = service.client(self.certificate.read_bytes())
        response = await client.get(service.url("/status", scheme))
        status = await response.json()
        self.assertEqual(len(status["images"]), images)
        return [
            event["message"]
            for event in service.events
            if event["level"] == "warning" and event["message"].split("_")[0].isupper()
        ]

    def tls(self) -> dict[str, str]:
        return {
            "HTTPS_CERT_FILE": str(self.certificate),
            "HTTPS_KEY_FILE": str(self.key),
            "HTTPS_CA_FILE": str(self.certificate),
            "ASSISTED_SERVICE_SCHEME": "https",
        }

    async def assert_leaves_releases_alone(
        self, environment: Mapping[str, str], images: int
    ) -> None:
        (warning,) = await self.warnings(environment, images)
        self.assertTrue(warning.startswith("RELEASE_IMAGES: left alone"), warning)

    async def test_podman(self) -> None:
        await self.assert_leaves_releases_alone(_PODMAN, 6)

    async def test_podman_with_tls(self) -> None:
        await self.assert_leaves_releases_alone(
            _PODMAN
            | self.tls()
            | {
                "ASSISTED_SERVICE_URL": "https://127.0.0.1:8090",
                "IMAGE_SERVICE_BASE_URL": "https://127.0.0.1:8888",
                "SERVICE_BASE_URL": "https://127.0.0.1:8090",
            },
            6,
        )

    async def test_podman_whose_releases_are_to_be_served(self) -> None:
        """Those that cannot be are no reason not to start."""
        warnings = await self.warnings(_PODMAN | {"SERVE_RELEASE_IMAGES": "true"}, 6 + 5)
        self.assertEqual(
            [warning.partition(" (")[0] for warning in warnings],
            [f"RELEASE_IMAGES: entry {number}" for number in range(3)],
        )

    async def test_disconnected(self) -> None:
        await self.assert_leaves_releases_alone(_DISCONNECTED, 1)

    async def test_okd(self) -> None:
        await self.assert_leaves_releases_alone(_OKD, 1)

    async def test_operator(self) -> None:
        self.assertEqual(
            await self.warnings(
                _OPERATOR
                | self.tls()
                | {
                    "HTTP_LISTEN_PORT": "0",
                    "OS_IMAGE_DOWNLOAD_TRUSTED_CA_FILE": str(self.certificate),
                },
                3,
            ),
            [],
        )

    async def test_operator_with_the_profile_old(self) -> None:
        suites = ",".join([*TLS13, *TLS12, *sorted(RETIRED)])
        for version in ("VersionTLS10", "VersionTLS11"):
            (warning,) = await self.warnings(
                _OPERATOR | self.tls() | {"TLS_MIN_VERSION": version, "TLS_CIPHER_SUITES": suites},
                3,
            )
            self.assertTrue(warning.startswith(f"TLS_MIN_VERSION: {version} is retired"), warning)

    async def test_operator_on_kubernetes(self) -> None:
        """Without OpenShift's certificates."""
        self.assertEqual(
            await self.warnings(_OPERATOR | {"ASSISTED_SERVICE_SCHEME": "http"}, 3), []
        )

    async def test_saas(self) -> None:
        self.assertEqual(await self.warnings(_SAAS, 6), [])
