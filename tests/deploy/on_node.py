"""
assisted-images in pods, as overlays of C{deploy/kubernetes/} have it, on a real node.  As root; a
part of C{make cluster-test}.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from twisted.web.server import Site
from twisted.web.static import File

from tests.certificates import identity
from tests.deploy.applied import Applied
from tests.deploy.containers import archived_image, debian
from tests.engines.kubernetes.control_plane import control_plane
from tests.engines.kubernetes.forwarding import Forward
from tests.engines.kubernetes.node import node
from tests.engines.kubernetes.resources import StatusError
from tests.engines.versitygw import start_versitygw
from tests.field.assisted_service import FreshlySigned
from tests.field.images import SMALLEST, noisy_image, os_images
from tests.field.service import INFRA_ENV_ID
from tests.httpd.outbound.servers import trial_reactor
from tests.running import run

_NAMESPACE = "assisted-images"
_REDIS = "docker.io/valkey/valkey:8"
_REPLICAS = range(3)
_INITRD = f"/images/{INFRA_ENV_ID}/pxe-initrd?version=1&arch=x86_64&api_key=key"
_POLL_SECONDS = 0.1


class OnNodeTestCase(TestCase):
    """Has an overlay as it is, but for where images and configurations come from."""

    timeout = 1200

    async def setUp(self) -> None:  # type: ignore[override]
        self.node = node()
        self.assisted_service = FreshlySigned()
        self.assisted_service.up()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.assisted_service.down()))
        self.client = control_plane().client(_NAMESPACE)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.client.close()))
        await self.client.ask("POST", "/api/v1/namespaces", {"metadata": {"name": _NAMESPACE}})
        self.addCleanup(lambda: Deferred.fromCoroutine(self.forget_namespace()))
        self.applied = Applied(self, self.node, self.client, "assisted-images")
        tls = identity("images.example.com")
        pair = {"tls.crt": tls.certificate_pem.decode(), "tls.key": tls.key_pem().decode()}
        await self.make_secret("tls", pair)

    async def forget_namespace(self) -> None:
        place = f"/api/v1/namespaces/{_NAMESPACE}"
        await self.client.ask("DELETE", place)
        try:
            while await self.client.ask("GET", place):
                await deferLater(trial_reactor(), _POLL_SECONDS)
        except StatusError as error:
            self.assertEqual(error.code, 404)

    async def make_secret(self, name: str, content: Mapping[str, str]) -> None:
        secret = {"metadata": {"name": f"assisted-images-{name}"}, "stringData": dict(content)}
        await self.client.create("secrets", secret)

    def forwarded(self, port: int) -> str:
        """A host and port at which pods find what listens on loopback."""
        forward = Forward(self, self.node.address)
        forward.port = port
        return f"{self.node.address}:{forward.own_port}"

    async def apply(self, overlay: str, settings: Mapping[str, str]) -> None:
        """Have it, as many replicas as it says, each with a volume."""
        [host] = self.assisted_service.settings.values()
        own = {"ASSISTED_SERVICE_HOST": self.forwarded(int(host.rpartition(":")[2]))}
        small = [f"{name}={text}" for name, text in SMALLEST.items()]
        await self.applied.apply(overlay, own | dict(settings), *small)

    async def get(self, number: int, path: str, *options: str) -> str:
        """What a replica answers over its plain port."""
        address = await self.applied.address_of(f"assisted-images-{number}")
        curl = ("curl", "--fail", "--silent", *options, f"http://{address}:8080{path}")
        return (await run(*curl)).decode("latin-1")

    async def has_metric(self, number: int, name: str, value: int) -> bool:
        text = await self.get(number, "/metrics")
        return f"assisted_image_service_{name} {value:.1f}\n" in text


class ReplicasTests(OnNodeTestCase):
    """Three of them, with a Redis."""

    async def until_there_is_a_redis(self) -> None:
        """And everybody finds it, by the name of its Service."""
        labels = "app.kubernetes.io/name=assisted-images-redis"
        while True:
            pods = await self.client.items("pods", labels)
            addresses = [pod["status"]["podIP"] for pod in pods if "podIP" in pod["status"]]
            if addresses:
                break
            await deferLater(trial_reactor(), _POLL_SECONDS)
        name = f"assisted-images-redis.{_NAMESPACE}.svc.cluster.local"
        self.hosts.write_text(f"{addresses[0]} {name}\n")

    async def test_one_configuration(self) -> None:
        """Whoever is asked answers with the same bytes, and assisted-service is asked once."""
        for _ in _REPLICAS:
            self.node.add_volume()
        self.node.add_image(_redis_image(Path(self.mktemp()).resolve()))
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        await self.make_secret("cache", {"key": key})
        self.hosts = Path(self.mktemp()).resolve()
        self.hosts.touch()
        self.applied.serve_names(self.hosts)
        folder = Path(self.mktemp()).resolve()
        folder.mkdir()
        (folder / "image.iso").write_bytes(noisy_image())
        site: Any = Site(File(str(folder)))
        listening: Any = trial_reactor().listenTCP(0, site, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        origin = f"http://{self.forwarded(listening.getHost().port)}/image.iso"
        image = os_images({"version": "1", "url": origin})
        await self.apply("replicas", image | {"CONFIG_SHARE_SECONDS": "600"})
        await self.until_there_is_a_redis()
        await self.applied.until_ready()
        for number in _REPLICAS:
            while not await self.has_metric(number, "configuration_cache_up", 1):
                await deferLater(trial_reactor(), _POLL_SECONDS)
        answers = [
            await self.get(number, _INITRD, "--range", "0-99", "--dump-header", "-")
            for number in _REPLICAS
        ]
        tags = {found[1] for one in answers for found in re.finditer(r"(?i)\netag: (.*?)\r", one)}
        self.assertEqual(len(tags), 1, answers)
        paths = [call.path for call in self.assisted_service.calls]
        self.assertEqual(len([one for one in paths if one.endswith("/downloads/files")]), 1, paths)


class OnDemandTests(OnNodeTestCase):
    """Its image stays in S3."""

    async def test_served(self) -> None:
        """By parts of it, as they are asked for."""
        self.node.add_volume()
        s3 = await start_versitygw(self, "rhcos")
        s3.client().put_object(Bucket="rhcos", Key="image.iso", Body=noisy_image())
        keys = {"access-key": s3.access.access_key, "secret-key": s3.access.secret_key}
        await self.make_secret("s3", keys)
        place = self.forwarded(int(s3.access.endpoint.rpartition(":")[2]))
        image = os_images({"version": "1", "url": "s3://rhcos/image.iso"})
        await self.apply("on-demand-s3", image | {"S3_ENDPOINT": f"http://{place}"})
        await self.applied.until_ready()
        head = await self.get(0, _INITRD, "--range", "0-99", "--dump-header", "-")
        self.assertTrue(head.startswith("HTTP/1.1 206 "), head)
        [on_demand] = json.loads(await self.get(0, "/status"))["images"]
        self.assertEqual(on_demand["state"], "ready")
        self.assertLess(on_demand["on_demand"]["bytes_fetched"], len(noisy_image()), on_demand)


def _redis_image(directory: Path) -> Path:
    """Valkey, from Debian's package."""
    base = debian("debian-valkey", "valkey-server", "trixie")
    directory.mkdir()
    return archived_image(directory, _REDIS, "PATH=/usr/bin:/bin", base=base)
