"""Tests of the service as a process that is started, disturbed, killed and started again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import Any, cast

from twisted.web.http_headers import Headers

from demo.infra_env import write_infra_env
from demo.service import ServiceProcess
from tests.canaries import canaries_of
from tests.field.images import SMALLEST
from tests.httpd.outbound.servers import ServerTestCase, trial_reactor
from tests.running import base_environment

SECONDS = 60.0
"""How long to wait for what has to happen; far longer than it takes."""

INFRA_ENV_ID = "0b3ac7f5-5d0a-4f3f-93a3-3f0c8f1f1d11"


@dataclass(frozen=True, slots=True)
class Got:
    """A response."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        values = self.headers.getRawHeaders(name, [])
        return values[0] if values else None


class FieldTestCase(ServerTestCase):
    """A DATA_DIR, and services that use it."""

    timeout = 120

    def setUp(self) -> None:
        self.data = self.directory()

    def directory(self) -> Path:
        path = Path(self.mktemp()).resolve()
        path.mkdir(parents=True)
        return path

    def names(self) -> list[str]:
        return sorted(path.name for path in self.data.iterdir())

    def assert_nothing_else(self, name: str) -> None:
        """
        DATA_DIR holds one image and nothing that is left over.  The record of an image without a
        digest of its own is an afterthought: it may not be there yet, or be on its way.
        """
        others = [other for other in self.names() if not other.startswith(f"{name}.checked.json")]
        self.assertEqual(others, [name])

    async def start(
        self,
        settings: Mapping[str, str],
        *,
        local: bool = True,
        healthy: bool = False,
        starting: Callable[[ServiceProcess], object] = lambda service: None,
    ) -> ServiceProcess:
        """
        Start a service, which listens then.  The test's end ends it, if it runs then; no service
        may write a traceback, whatever happens to it.

        @param local: whether it has an infra-env of its own, and needs no assisted-service.
        @param healthy: whether to wait until every image is ready.
        @param starting: is told of the service before it starts.
        """
        own = {
            "DATA_DIR": str(self.data),
            "IMAGE_SERVICE_BASE_URL": "http://images.example",
            "LISTEN_PORT": "0",
            "DRAIN_SECONDS": "1",
            "DOWNLOAD_RETRY_SECONDS": "0.5",
        }
        if local:
            infra_envs = self.directory()
            write_infra_env(infra_envs / INFRA_ENV_ID, b'{"ignition": {"version": "3.2.0"}}')
            own["INFRA_ENVS_DIR"] = str(infra_envs)
        environment = base_environment() | SMALLEST | own | dict(settings)
        service = ServiceProcess(cast(Any, trial_reactor()), environment)

        async def stop() -> None:
            if service.exit_status is None:
                self.assertEqual(await service.stop(SECONDS), 0)
            self.assertEqual([line for line in service.lines if "Traceback" in line], [])
            self.assertEqual(canaries_of(environment).found_in(service.lines), [])

        self.addCleanup(stop)
        starting(service)
        await service.start(SECONDS)
        if healthy:
            await service.wait_until_healthy(SECONDS, poll=0.05)
        return service

    async def kill(self, service: ServiceProcess) -> None:
        """SIGKILL: nothing of the process's own runs any more."""
        self.assertEqual(await service.stop(SECONDS, "KILL"), -SIGKILL)

    async def until_states(self, service: ServiceProcess, *states: str) -> None:
        """Wait until the images are in these states, by the catalogue's order of versions."""
        await service.wait_for(
            lambda: (
                [states_of(service).get(f"{n}") for n in range(1, len(states) + 1)] == list(states)
            ),
            f"bring its images to {states}",
            SECONDS,
        )

    async def get(
        self, service: ServiceProcess, path: str, headers: Mapping[str, str] | None = None
    ) -> Got:
        response = await service.client().get(
            service.url(path),
            headers=Headers({name: [value] for name, value in (headers or {}).items()}),
        )
        return Got(response.code, response.headers, await response.content())

    async def status(self, service: ServiceProcess) -> list[dict[str, Any]]:
        """The images in C{/status}."""
        got = await self.get(service, "/status")
        self.assertEqual(got.status, 200)
        images: list[dict[str, Any]] = json.loads(got.body)["images"]
        return images

    async def metrics(self, service: ServiceProcess) -> dict[str, float]:
        """Every sample of C{/metrics} by its name and labels, without the service's prefix."""
        text = (await self.get(service, "/metrics")).body.decode()
        samples = re.findall(r"^assisted_image_service_(.*) (\S+)$", text, re.MULTILINE)
        return {name: float(value) for name, value in samples}

    def full_iso(self, version: str = "1") -> str:
        return f"/byid/{INFRA_ENV_ID}/{version}/x86_64/full.iso"


def events_of(service: ServiceProcess, version: str) -> list[dict[str, Any]]:
    """What the log says of an image's states."""
    return [
        event for event in service.events if event.get("version") == version and "state" in event
    ]


def states_of(service: ServiceProcess) -> dict[str, str]:
    """Each image's state, by its version, as the log has it last."""
    return {event["version"]: event["state"] for event in service.events if "state" in event}
