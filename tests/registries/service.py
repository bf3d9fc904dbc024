"""The real service as a process, with images out of release payloads."""

from __future__ import annotations

from pathlib import Path

from assisted_images.values import Architecture
from demo.service import ServiceProcess
from tests.field.service import INFRA_ENV_ID, FieldTestCase
from tests.registries.case import RegistryTestCase, registries_conf
from tests.registries.payload import RELEASE
from tests.registries.registry import Registry


def file_name(architecture: Architecture, version: str = RELEASE) -> str:
    """The name of an image's file in DATA_DIR."""
    return f"rhcos-full-iso-{version}-{architecture}.iso"


class ReleaseServiceTestCase(FieldTestCase, RegistryTestCase):
    """Registries, and services that take their images from there."""

    timeout = 180

    def insecure(self, *sources: str, mirrors: tuple[Registry, ...] = ()) -> dict[str, str]:
        """The setting C{REGISTRIES_CONF}, for sources that speak plain HTTP."""
        file = self.directory() / "registries.conf"
        hosts = [mirror.host for mirror in mirrors]
        file.write_text("".join(registries_conf(source, *hosts) for source in sources))
        return {"REGISTRIES_CONF": str(file)}

    def path(self, architecture: Architecture, file: str, version: str = RELEASE) -> str:
        return f"/byid/{INFRA_ENV_ID}/{version}/{architecture}/{file}"

    async def download(self, service: ServiceProcess, path: str) -> Path:
        """What the service has there, in a file."""
        got = await self.get(service, path)
        self.assertEqual(got.status, 200, got.body[:300])
        target = self.directory() / "downloaded"
        target.write_bytes(got.body)
        return target

    async def reason(self, service: ServiceProcess, architecture: Architecture) -> str:
        """Why an image has failed, once it has."""
        await service.wait_for(
            lambda: bool(self.failures(service, architecture)), "give an image up", 60
        )
        return str(self.failures(service, architecture)[0])

    @staticmethod
    def failures(service: ServiceProcess, architecture: Architecture) -> list[str]:
        return [
            event["reason"]
            for event in service.events
            if event.get("state") == "failed" and event["arch"] == architecture
        ]
