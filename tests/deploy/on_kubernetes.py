"""
What kustomize makes of C{deploy/kubernetes/}: by the schemas of several Kubernetes, by the
Prometheus operator's types and by the services' own settings.  C{make deploy-test} runs it.
"""

from __future__ import annotations

import re
import shutil
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from twisted.trial.unittest import SynchronousTestCase

import assisted_images.settings.settings
import assisted_images.settings.table
import image_management.settings.settings
import image_management.settings.table
from demo.service import ROOT
from tests.deploy.kubernetes_objects import (
    KUBERNETES,
    OPERATOR,
    Object,
    containers,
    kustomizations,
    operator_refuses,
    rendered,
)
from tests.deploy.rules import rule_file
from tests.documented_metrics import PREFIXES

_OLDEST = "1.30"

_SETTINGS = {
    "assisted-images": (assisted_images.settings.settings, assisted_images.settings.table.SETTINGS),
    "image-management": (
        image_management.settings.settings,
        image_management.settings.table.SETTINGS,
    ),
}
"""How each service reads its settings, and which there are."""

_SECRETS: Mapping[str, Mapping[str, str]] = {
    "assisted-images-cache": {"key": b64encode(bytes(32)).decode()},
    "assisted-images-s3": {"access-key": "AKID", "secret-key": "opensesame"},
    "assisted-images-tls": {"tls.crt": "", "tls.key": ""},
    "image-management-database": {"url": "postgresql://ims:secret@db.example.com/ims"},
    "image-management-s3": {"S3_ACCESS_KEY": "AKID", "S3_SECRET_KEY": "opensesame"},
    "image-management-ssh": {"id_ed25519": ""},
}
"""Contents of the Secrets that somebody has to make."""

_IN_CLUSTER = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
"""What each pod is told."""


class RenderedTests(SynchronousTestCase):
    """Each base and each overlay, and each overlay with what monitors it."""

    def setUp(self) -> None:
        self.all = {path: rendered(path) for path in kustomizations("base", "overlays")}
        self.assertEqual(len(self.all), 6)
        self.monitored = {path: rendered(path) for path in self.with_monitoring()}
        self.assertEqual(len(self.monitored), 4)
        self.all |= self.monitored

    def with_monitoring(self) -> Iterator[Path]:
        copy = Path(self.mktemp()).resolve()
        shutil.copytree(KUBERNETES, copy)
        for path in kustomizations("overlays"):
            [container] = containers(rendered(path))
            own = copy / "overlays" / f"{path.name}-monitored"
            own.mkdir()
            component = f"../../components/monitoring-{container.service}"
            content = {"resources": [f"../{path.name}"], "components": [component]}
            (own / "kustomization.yaml").write_text(yaml.safe_dump(content))
            yield own

    def test_schemas(self) -> None:
        """Strictly, of the newest Kubernetes and of the oldest that is meant."""
        for objects in self.all.values():
            for thing in objects:
                if thing["apiVersion"] != OPERATOR:
                    for version in (_OLDEST, kubernetes_validate.latest_version()):
                        kubernetes_validate.validate(dict(thing), version, strict=True)

    def test_operator_takes_them(self) -> None:
        for objects in self.monitored.values():
            [monitor] = [thing for thing in objects if thing["apiVersion"] == OPERATOR]
            self.assertEqual(monitor["kind"], "ServiceMonitor")
            self.assertEqual(operator_refuses(monitor), "")
            wrong = {**monitor, "spec": {**monitor["spec"], "endpoint": []}}
            self.assertIn("endpoint", operator_refuses(wrong))
        for service in PREFIXES:
            rules = {
                "apiVersion": OPERATOR,
                "kind": "PrometheusRule",
                "metadata": {"name": service},
                "spec": yaml.safe_load(rule_file(service).read_text("utf-8")),
            }
            self.assertEqual(operator_refuses(rules), "")

    def test_openshift(self) -> None:
        """What the page says to add there has the pods without a group of the files' choice."""
        [patch] = re.findall(r"^```yaml\n(patches:.*?)^```", _page(), re.MULTILINE | re.DOTALL)
        copy = Path(self.mktemp()).resolve()
        shutil.copytree(KUBERNETES, copy)
        overlay = copy / "overlays" / "one-replica"
        with (overlay / "kustomization.yaml").open("a") as file:
            file.write(patch)
        [pod] = [container.pod for container in containers(rendered(overlay))]
        self.assertNotIn("fsGroup", pod["securityContext"])
        self.assertTrue(pod["securityContext"]["runAsNonRoot"])

    def test_everything_finds_its_pods(self) -> None:
        """Services, budgets, policies and monitors name labels and ports that are there."""
        for path, objects in self.all.items():
            pods = [thing["spec"]["template"] for thing in objects if "template" in _spec(thing)]
            for thing in objects:
                for labels, ports in _selections(thing, objects):
                    found = [pod for pod in pods if labels.items() <= _labels(pod).items()]
                    self.assertEqual(len(found), 1, f"{path}: {thing['kind']} finds {len(found)}")
                    there = {
                        port["name"]
                        for container in found[0]["spec"]["containers"]
                        for port in container["ports"]
                    }
                    self.assertEqual(ports - there, set(), f"{path}: {thing['kind']}")


class SettingsTests(SynchronousTestCase):
    """What containers find in their environment is what the services take."""

    def setUp(self) -> None:
        self.all = [
            container
            for path in kustomizations("overlays")
            for container in containers(rendered(path))
        ]
        self.assertEqual(len(self.all), 4)

    def test_settings(self) -> None:
        for container in self.all:
            settings, table = _SETTINGS[container.service]
            environment = container.environment(_SECRETS)
            known = {name for setting in table for name in setting.names}
            self.assertEqual({*environment} - known, set())
            read: Any = settings
            found = read.parse_settings(environment | _IN_CLUSTER)
            self.assertEqual(found.warnings, ())
            grace = container.pod["terminationGracePeriodSeconds"]
            self.assertGreaterEqual(grace, found.drain_seconds + 10)
            ports = {port["containerPort"] for port in container.spec["ports"]}
            listening = {found.listen_port, found.http_listen_port} - {None}
            self.assertEqual(ports, listening)

    def test_a_wrong_setting_is_noticed(self) -> None:
        container = self.all[0]
        settings: Any = _SETTINGS[container.service][0]
        environment = container.environment(_SECRETS) | {"LISTEN_PORT": "no"}
        with self.assertRaisesRegex(Exception, "LISTEN_PORT"):
            settings.parse_settings(environment | _IN_CLUSTER)

    def test_files(self) -> None:
        """A setting that names a file names one that a Secret has, which the page says to make."""
        made = _secrets_of_page()
        for container in self.all:
            mounts = container.mounted_secrets()
            for name, value in container.environment(_SECRETS).items():
                if name.endswith("_FILE"):
                    path = Path(value)
                    self.assertIn(path.name, made[mounts[path.parent]], name)
        self.assertEqual(made, {name: {*content} for name, content in _SECRETS.items()})


def _spec(thing: Object) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = thing.get("spec", {})
    return spec


def _labels(thing: Object) -> Mapping[str, str]:
    labels: Mapping[str, str] = thing["metadata"]["labels"]
    return labels


def _selections(thing: Object, objects: list[Object]) -> list[tuple[Mapping[str, str], set[str]]]:
    """The labels by which an object finds pods, and what ports it names there."""
    spec = _spec(thing)
    match thing["kind"]:
        case "Service":
            return [(spec["selector"], {port["targetPort"] for port in spec["ports"]})]
        case "PodDisruptionBudget" | "StatefulSet" | "Deployment":
            return [(spec["selector"]["matchLabels"], set())]
        case "NetworkPolicy":
            ports = {port["port"] for rule in spec["ingress"] for port in rule["ports"]}
            senders = [
                (sender["podSelector"]["matchLabels"], set[str]())
                for rule in spec["ingress"]
                for sender in rule.get("from", ())
            ]
            return [(spec["podSelector"]["matchLabels"], ports), *senders]
        case "ServiceMonitor":
            wanted = spec["selector"]["matchLabels"]
            services = [one for one in objects if one["kind"] == "Service"]
            [service] = [
                one
                for one in services
                if wanted.items() <= one["metadata"].get("labels", {}).items()
            ]
            named = {port["name"] for port in service["spec"]["ports"]}
            assert {one["port"] for one in spec["endpoints"]} <= named
            # The rules go by that name.
            assert service["metadata"]["labels"][spec["jobLabel"]] in PREFIXES
    return []


def _page() -> str:
    return (ROOT / "docs" / "how-to" / "kubernetes.md").read_text("utf-8")


def _secrets_of_page() -> dict[str, set[str]]:
    """The Secrets that C{docs/how-to/kubernetes.md} says to make, and the names in them."""
    made = {}
    for kind, name, rest in re.findall(
        r"create secret (generic|tls) ([\w-]+)((?: (?:--|\\\n)[^\n]*)*)", _page()
    ):
        keys = re.findall(r"--from-(?:literal|file)=([\w.-]+)=", rest)
        made[name] = {"tls.crt", "tls.key"} if kind == "tls" else {*keys}
    return made
