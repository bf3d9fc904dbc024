"""
The files of C{deploy/kubernetes/}, as far as they are whole by themselves; what kustomize makes of
them is in L{tests.deploy.on_kubernetes} and L{tests.deploy.on_api_server}, by C{make deploy-test}.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import kubernetes_validate
import yaml
from twisted.trial.unittest import SynchronousTestCase

from demo.service import ROOT
from tests.deploy.kubernetes_objects import KUBERNETES, Object, kustomizations

_IN_PARTS = {"StatefulSet"}
"""Kinds whose labels kustomize adds."""


def plain_objects() -> Iterator[Object]:
    """What is in the files, but for kustomize's own."""
    for path in sorted(KUBERNETES.rglob("*.yaml")):
        if path.name != "kustomization.yaml":
            yield from yaml.safe_load_all(path.read_text("utf-8"))


class PlainFilesTests(SynchronousTestCase):
    def test_schema(self) -> None:
        """Strictly: a member that Kubernetes does not know is an error."""
        looked_at = 0
        for thing in plain_objects():
            if thing["kind"] in _IN_PARTS or thing["apiVersion"].startswith("monitoring."):
                continue
            kubernetes_validate.validate(
                dict(thing), kubernetes_validate.latest_version(), strict=True
            )
            looked_at += 1
        self.assertGreater(looked_at, 10)

    def test_a_wrong_member_is_noticed(self) -> None:
        [service] = [
            thing
            for thing in plain_objects()
            if thing["kind"] == "Service" and thing["metadata"]["name"] == "image-management"
        ]
        wrong = {**service, "spec": {**service["spec"], "port": 1}}
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)

    def test_every_file_is_used(self) -> None:
        """Each is a resource of the kustomization beside it, and each directory is there."""
        for directory in kustomizations("base", "components", "overlays"):
            read = yaml.safe_load((directory / "kustomization.yaml").read_text("utf-8"))
            named = [*read.get("resources", ()), *read.get("components", ())]
            for name in named:
                self.assertTrue((directory / name).exists(), f"{directory}: {name}")
            beside = {path.name for path in directory.iterdir()} - {"kustomization.yaml"}
            self.assertEqual(beside, {name for name in named if "/" not in name}, directory)

    def test_role(self) -> None:
        """It is the one that the page about jobs has."""
        page = (ROOT / "docs" / "how-to" / "jobs.md").read_text("utf-8")
        [block] = [
            block
            for block in re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
            if "kind: Role\n" in block
        ]
        told = next(yaml.safe_load_all(block))
        [role] = [thing for thing in plain_objects() if thing["kind"] == "Role"]
        self.assertEqual(role["rules"], told["rules"])
        self.assertEqual(role["metadata"]["name"], told["metadata"]["name"])
