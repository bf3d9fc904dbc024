"""Both services in containers, as C{make container} makes the image: C{make container-test}."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from treq.client import HTTPClient
from twisted.internet.error import ConnectError
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, ResponseNeverReceived

from assisted_images import __version__
from demo.infra_env import INFRA_ENV_ID, sample_infra_env
from demo.ingredients import find_ingredients
from demo.sample_image import sample_tree, write_image
from demo.service import ROOT
from tests.certificates import identity
from tests.deploy.containers import ANY_USER, LIMITS, Container, free_port, image, podman
from tests.engines.versitygw import start_versitygw
from tests.field.images import SMALLEST, file_name, os_images
from tests.httpd.outbound.servers import trial_reactor
from tests.image_management.service import Ims, json_of

_PODS = ROOT / "deploy/podman"
_SECONDS = 120.0


class ContainerTestCase(TestCase):
    timeout = 600

    def setUp(self) -> None:
        image()
        # What is mounted is relative to nothing; and its group may write, whoever runs.
        self.data = Path(self.mktemp()).resolve()
        self.data.mkdir(parents=True)
        os.chown(self.data, -1, 0)
        self.data.chmod(0o775)

    async def run_service(
        self,
        settings: Mapping[str, str],
        volumes: Mapping[Path | str, str],
        words: Sequence[str] = (),
    ) -> Container:
        """A service that listens; the test's end ends it, and it has to end well."""
        name = self.id().lower()
        container = Container(name, {"DRAIN_SECONDS": "1"} | dict(settings), volumes, words)

        async def stop() -> None:
            self.assertEqual(await container.stop(_SECONDS), 0)
            self.assertEqual([line for line in container.lines if "Traceback" in line], [])

        self.addCleanup(stop)
        await container.start(_SECONDS)
        return container

    async def until_healthy(self, container: Container) -> None:
        self.assertEqual(await deferToThread(container.health), (0, "healthy"))


class AssistedImagesTests(ContainerTestCase):
    async def serve(self, **settings: str) -> Container:
        iso = self.data / file_name("1")
        write_image(sample_tree(find_ingredients()), iso)
        infra_envs = Path(self.mktemp()).resolve()
        sample_infra_env(infra_envs)
        volumes: dict[Path | str, str] = {self.data: "/data", infra_envs: "/infra-envs:ro"}
        own = {
            "INFRA_ENVS_DIR": "/infra-envs",
            "IMAGE_SERVICE_BASE_URL": "http://images.example",
            "LISTEN_PORT": str(free_port()),
        }
        catalog = os_images({"version": "1", "url": "http://127.0.0.1:1/nobody"})
        return await self.run_service(SMALLEST | own | catalog | settings, volumes)

    async def get(self, container: Container, path: str) -> bytes:
        response = await container.client().get(container.url(path))
        self.assertEqual(response.code, 200)
        content: bytes = await response.content()
        return content

    async def test_serves(self) -> None:
        """An image that boots, with its configuration in it; and it becomes healthy."""
        container = await self.serve()
        await container.wait_until_healthy(_SECONDS)
        content = await self.get(container, f"/byid/{INFRA_ENV_ID}/1/x86_64/full.iso")
        self.assertEqual(len(content), (self.data / file_name("1")).stat().st_size)
        self.assertNotEqual(content, (self.data / file_name("1")).read_bytes())
        await self.until_healthy(container)

    async def test_user(self) -> None:
        """It is who it was told to be, writes its volume, and nothing else."""
        container = await self.serve()
        await container.wait_until_healthy(_SECONDS)
        numbers = await deferToThread(container.inside, "sh", "-c", "echo $(id -u):$(id -g)")
        self.assertEqual(numbers.strip(), ANY_USER)
        owner = (self.data / f"{file_name('1')}.checked.json").stat().st_uid
        self.assertEqual(f"{owner}:0", ANY_USER)
        script = "touch /tmp/x || touch /opt/assisted-images/x || touch /etc/x || echo read-only"
        said = await deferToThread(container.inside, "sh", "-c", script)
        self.assertEqual(said.strip(), "read-only")

    async def test_workers_over_tls(self) -> None:
        """Several processes, and a probe that finds the one port with TLS."""
        me = identity("localhost")
        key, certificate = me.write(self.data)
        key.chmod(0o644)
        container = await self.serve(
            WORKERS="2",
            HTTPS_KEY_FILE=f"/data/{key.name}",
            HTTPS_CERT_FILE=f"/data/{certificate.name}",
        )
        await container.wait_until_healthy(_SECONDS, me.certificate_pem)
        await self.until_healthy(container)


class ImageManagementTests(ContainerTestCase):
    async def test_serves(self) -> None:
        """A record of an image in a real S3, which a restart finds again in the volume."""
        s3 = await start_versitygw(self)
        settings = {
            "S3_ENDPOINT": s3.access.endpoint,
            "S3_ACCESS_KEY": s3.access.access_key,
            "S3_SECRET_KEY": s3.access.secret_key,
            "LISTEN_PORT": str(free_port()),
        }
        words = ["image-management", "serve"]
        container = await self.run_service(settings, {self.data: "/data"}, words)
        await container.wait_until_healthy(_SECONDS, path="/healthz/ready")
        ims = Ims(container, s3)
        made = await ims.make("/v3/images", name="compute", link=ims.put_image("compute"))
        await self.until_healthy(container)
        self.assertEqual(await container.stop(_SECONDS), 0)
        container = await self.run_service(settings, {self.data: "/data"}, words)
        await container.wait_until_healthy(_SECONDS, path="/healthz/ready")
        found = json_of(await Ims(container, s3).ask("GET", f"/v3/images/{made['id']}"))
        self.assertEqual(found["name"], "compute")


class ImageTests(ContainerTestCase):
    """The image itself."""

    def run_once(self, *words: str) -> str:
        return podman("run", "--rm", "--network=none", *LIMITS, image(), *words).stdout

    async def test_commands(self) -> None:
        for words in (
            ("assisted-images", "--version"),
            ("image-management", "--version"),
            ("twistd", "assisted-images", "--version"),
            ("twistd", "image-management", "--version"),
        ):
            said = await deferToThread(self.run_once, *words)
            self.assertEqual(said.split()[-1], __version__)

    async def test_labels(self) -> None:
        shown = await deferToThread(podman, "image", "inspect", image())
        labels = json.loads(shown.stdout)[0]["Labels"]
        prefix = "org.opencontainers.image."
        facts = {name.removeprefix(prefix): text for name, text in labels.items()}
        self.assertEqual(facts["licenses"], "Apache-2.0")
        self.assertEqual(facts["version"], __version__)
        self.assertRegex(facts["revision"], "^([0-9a-f]{40}|unknown)$")

    async def test_new_volume_is_writable(self) -> None:
        """By the user of the image, and by any other in group 0."""
        for user in ("1001:0", ANY_USER):
            words = ("run", "--rm", f"--user={user}", "--volume=/data", "--network=none")
            await deferToThread(podman, *words, *LIMITS, image(), "touch", "/data/x")

    async def test_unhealthy(self) -> None:
        """Where nobody answers the probe says so."""
        name = self.id().lower()
        run = ("run", "--rm", "--detach", f"--name={name}", "--network=none", *LIMITS)
        await deferToThread(podman, *run, image(), "sleep", "600")
        self.addCleanup(podman, "kill", "--signal=KILL", name)
        ended = await deferToThread(podman, "healthcheck", "run", name, check=False)
        self.assertEqual(ended.returncode, 1)


class PodTests(ContainerTestCase):
    """C{podman kube play} of the files in C{deploy/podman}, on ports and with places of a test."""

    async def play(self, name: str, settings: Mapping[str, str], *others: Any) -> int:
        """Run a pod; the test's end takes it down.  Returns the port of its service."""
        port = free_port()
        documents = [*others, *yaml.safe_load_all((_PODS / f"{name}.yaml").read_text())]
        configuration, pod = documents[-2:]
        configuration["data"] |= {"LISTEN_PORT": str(port), "DRAIN_SECONDS": "1"} | dict(settings)
        (container,) = pod["spec"]["containers"]
        container["image"] = image()
        # It is in the network of the machine here, as is what it is beside.
        self.assertTrue(container.pop("ports"))
        for volume in pod["spec"]["volumes"]:
            volume.get("hostPath", {}).update(path=str(self.infra_envs))
            claim = volume.get("persistentVolumeClaim", {})
            claim.update({key: f"test-{value}" for key, value in claim.items()})
        # Limits of a machine that is a container itself, which kube play has no option for.
        limits = [one for one in LIMITS if one != "--ulimit"]
        self.data.joinpath("containers.conf").write_text(
            f"[containers]\ndefault_ulimits = {json.dumps(limits)}\n"
        )
        file = self.data / "pod.yaml"
        file.write_text(yaml.safe_dump_all(documents))
        self.addCleanup(self.take_down, name, file)
        conf = str(self.data / "containers.conf")
        await deferToThread(podman, "kube", "play", "--network=host", file, CONTAINERS_CONF=conf)
        return port

    def take_down(self, name: str, file: Path) -> None:
        podman("kube", "play", "--down", file, check=False)
        podman("volume", "rm", "--force", f"test-{name}")

    async def answer(self, port: int, path: str) -> bytes:
        """As soon as there is one."""
        client = HTTPClient(Agent(trial_reactor()))
        for _ in range(int(_SECONDS)):
            try:
                response = await client.get(f"http://localhost:{port}{path}")
                content: bytes = await response.content()
            except (ConnectError, ResponseNeverReceived):
                await deferLater(trial_reactor(), 1)
                continue
            self.assertEqual(response.code, 200, content)
            return content
        raise AssertionError(podman("logs", "--tail=20", "assisted-images-service").stderr)

    def setUp(self) -> None:
        super().setUp()
        self.infra_envs = Path(self.mktemp()).resolve()
        sample_infra_env(self.infra_envs)

    async def test_assisted_images(self) -> None:
        """Its images come from elsewhere: that it serves what it has is C{AssistedImagesTests}'."""
        catalog = os_images({"version": "1", "url": "http://127.0.0.1:1/nobody"})
        port = await self.play("assisted-images", catalog)
        status = json.loads(await self.answer(port, "/status"))
        self.assertEqual([one["version"] for one in status["images"]], ["1"])

    async def test_image_management(self) -> None:
        s3 = await start_versitygw(self)
        keys = {"S3_ACCESS_KEY": s3.access.access_key, "S3_SECRET_KEY": s3.access.secret_key}
        data = {name: b64encode(key.encode()).decode() for name, key in keys.items()}
        name = "image-management-s3"
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
        self.addCleanup(podman, "secret", "rm", name, check=False)
        # Before 4.4 kube play keeps a secret in a form that it cannot read (its issue 16269).
        version = podman("version", "--format={{.Client.Version}}").stdout.split(".")
        is_old = [int(part) for part in version[:2]] < [4, 4]
        if is_old:
            file = Path(self.mktemp())
            file.write_text(json.dumps(data))
            podman("secret", "create", name, file)
        endpoint = {"S3_ENDPOINT": s3.access.endpoint}
        port = await self.play("image-management", endpoint, *([] if is_old else [secret]))
        await self.answer(port, "/healthz/ready")
