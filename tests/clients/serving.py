"""A service on a bootable image and one infra-env, on a TLS and a plain listener, for clients."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from twisted.trial.unittest import TestCase

from demo.certificate import development_certificate
from demo.infra_env import write_infra_env
from demo.ramdisk import compressed_ramdisk
from demo.service import ServiceProcess
from tests.boot.image import ARCHITECTURE, VERSION, build_image
from tests.running import start_service

INFRA_ENV_ID = "0b3ac7f5-5d0a-4f3f-93a3-3f0c8f1f1d11"
IGNITION = b'{"ignition": {"version": "3.2.0"}, "odd": "\xc3\xbc\\u0000\\n"}\n\n'
KERNEL_ARGUMENTS = ("client.test=1", "other=a,b")
RAMDISK = compressed_ramdisk({"etc/assisted/network/host0/eth0.nmconnection": b"[connection]\n"})


@dataclass(frozen=True, slots=True)
class Serving:
    """What a client needs to know."""

    service: ServiceProcess
    authority: Path
    """The certificate that clients have to trust."""

    def url(self, file: str, scheme: str) -> str:
        """The address of C{full.iso} or C{minimal.iso}."""
        path = f"/byid/{INFRA_ENV_ID}/{VERSION}/{ARCHITECTURE}/{file}"
        return self.service.url(path, scheme=scheme)


class ServingTestCase(TestCase):
    """Tests of a service that runs as a process of its own, over both listeners."""

    timeout = 240

    def setUp(self) -> None:
        self.image = build_image(Path(self.mktemp()).resolve())

    async def serve(self) -> Serving:
        infra_envs = Path(self.mktemp()).resolve()
        write_infra_env(infra_envs / INFRA_ENV_ID, IGNITION, KERNEL_ARGUMENTS, RAMDISK)
        files = development_certificate(Path(self.mktemp()).resolve())
        settings = {
            "INFRA_ENVS_DIR": str(infra_envs),
            "HTTPS_CERT_FILE": str(files.certificate),
            "HTTPS_KEY_FILE": str(files.key),
            "HTTP_LISTEN_PORT": "0",
            "HTTP_SERVES": "all",
            "IMAGE_SERVICE_BASE_URL": "https://images.example",
        }
        service = await start_service(self, self.image.settings | settings)
        return Serving(service, files.authority)
