"""The objects of C{deploy/kubernetes/}, as kustomize renders them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from subprocess import run
from typing import Any

import yaml

from demo.go_programs import go_program
from demo.service import ROOT
from tests.running import base_environment

KUBERNETES = ROOT / "deploy" / "kubernetes"

OPERATOR = "monitoring.coreos.com/v1"
"""The Prometheus operator's part of the API."""

_MODULE = Path(__file__).parent / "manifests"

Object = Mapping[str, Any]


def kustomizations(*kinds: str) -> list[Path]:
    """
    The directories that kustomize reads, such as C{overlays/one-replica}.

    @param kinds: of C{base}, C{overlays}, and C{components}, which are only parts.
    """
    return sorted(
        path.parent for kind in kinds for path in KUBERNETES.glob(f"{kind}/*/kustomization.yaml")
    )


def manifests_program() -> Path:
    """Kustomize and the Prometheus operator's types; the first time it is built, and blocks."""
    return go_program(_MODULE, "assisted-images/manifests")


@cache
def rendered(directory: Path) -> list[Object]:
    """
    The objects that kustomize makes of a directory.

    @raise AssertionError: it cannot.
    """
    done = run(
        [manifests_program(), "build", directory],
        env=base_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"{directory}: {done.stderr}")
    assert not done.stderr, done.stderr  # such as that something is deprecated
    return [*yaml.safe_load_all(done.stdout)]


def operator_refuses(thing: Object) -> str:
    """What the Prometheus operator's types do not know in an object of theirs; empty: nothing."""
    done = run(
        [manifests_program(), "check", thing["kind"]],
        input=yaml.safe_dump(thing),
        env=base_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode else ""


@dataclass(frozen=True, slots=True)
class Container:
    """A container of one of the services, with what the other objects say of it."""

    objects: list[Object]
    pod: Mapping[str, Any]
    spec: Mapping[str, Any]

    @property
    def service(self) -> str:
        """Which of them."""
        service, verb = self.spec["args"]
        assert verb == "serve"
        return str(service)

    def environment(self, secrets: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """
        What it finds in its environment.

        @param secrets: contents of Secrets, by their names.
        """
        configured = {
            thing["metadata"]["name"]: thing["data"]
            for thing in self.objects
            if thing["kind"] == "ConfigMap"
        }
        found: dict[str, str] = {}
        for source in self.spec["envFrom"]:
            if "configMapRef" in source:
                found |= configured[source["configMapRef"]["name"]]
            else:
                found |= secrets[source["secretRef"]["name"]]
        for one in self.spec.get("env", ()):
            place = one["valueFrom"]["secretKeyRef"]
            found[one["name"]] = secrets[place["name"]][place["key"]]
        return found

    def mounted_secrets(self) -> dict[Path, str]:
        """Where Secrets are mounted, and their names."""
        secrets = {
            volume["name"]: volume["secret"]["secretName"]
            for volume in self.pod.get("volumes", ())
            if "secret" in volume
        }
        return {
            Path(mount["mountPath"]): secrets[mount["name"]]
            for mount in self.spec["volumeMounts"]
            if mount["name"] in secrets
        }


def containers(objects: list[Object]) -> Iterator[Container]:
    """Those of the services."""
    for thing in objects:
        if thing["kind"] == "StatefulSet":
            pod = thing["spec"]["template"]["spec"]
            for spec in pod["containers"]:
                yield Container(objects, pod, spec)
