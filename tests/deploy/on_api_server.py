"""
What kustomize makes of C{deploy/kubernetes/}, by a real API server.  C{make deploy-test} runs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutput
from twisted.trial.unittest import TestCase

from demo.service import ROOT
from tests.deploy.kubernetes_objects import Object, kustomizations, rendered
from tests.docs.pages import read_page
from tests.engines.kubernetes.client import Client
from tests.engines.kubernetes.control_plane import control_plane, kubectl
from tests.engines.kubernetes.resources import StatusError
from tests.httpd.outbound.servers import trial_reactor

_POLL_SECONDS = 0.1


@dataclass
class _Namespace:
    client: Client

    async def apply(self, thing: Object, *, for_good: bool = False) -> None:
        """
        Have the API server take an object, by server-side apply.

        @param for_good: by default it forgets it again.
        @raise StatusError: it does not.
        """
        dry_run = "" if for_good else "&dryRun=All"
        group, kind = thing["apiVersion"], thing["kind"].lower()
        plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
        prefix = f"/apis/{group}" if "/" in group else f"/api/{group}"
        place = f"namespaces/{self.client.namespace}/{plural}/{thing['metadata']['name']}"
        await self.client.ask(
            "PATCH",
            f"{prefix}/{place}?fieldManager=test&fieldValidation=Strict{dry_run}",
            dict(thing),
            "application/apply-patch+yaml",
        )


class ApiServerTests(TestCase):
    """A real one, whose namespaces let no pod in that is not as restricted as can be."""

    timeout = 300

    async def namespace(self, name: str) -> _Namespace:
        client = control_plane().client(name)
        self.addCleanup(lambda: Deferred.fromCoroutine(client.close()))
        restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
        namespace = {"metadata": {"name": name, "labels": restricted}}
        try:
            await client.ask("POST", "/api/v1/namespaces", namespace)
        except StatusError as error:
            self.assertEqual(error.code, 409)
        return _Namespace(client)

    async def test_takes_all_of_it(self) -> None:
        """Also where there is no Prometheus operator."""
        taken = 0
        for path in kustomizations("base", "overlays"):
            for thing in rendered(path):
                namespace = await self.namespace(thing["metadata"]["namespace"])
                await namespace.apply(thing)
                taken += 1
                if "template" in thing.get("spec", {}):
                    await namespace.apply(_pod(thing))
                    taken += 1
        self.assertGreater(taken, 40)

    async def test_notices_what_is_wrong(self) -> None:
        [path] = [path for path in kustomizations("base") if path.name == "assisted-images"]
        [stateful] = [thing for thing in rendered(path) if thing["kind"] == "StatefulSet"]
        namespace = await self.namespace(stateful["metadata"]["namespace"])
        wrong = {**stateful, "spec": {**stateful["spec"], "serviceNames": "x"}}
        with self.assertRaisesRegex(StatusError, "serviceNames"):
            await namespace.apply(wrong)
        pod = _pod(stateful)
        with self.assertRaisesRegex(StatusError, "violates PodSecurity"):
            await namespace.apply({**pod, "spec": {**pod["spec"], "hostNetwork": True}})

    async def test_account_may_do_what_jobs_need(self) -> None:
        """The account of image management's pods has the role, and nothing besides."""
        [path] = [path for path in kustomizations("overlays") if path.name == "image-management"]
        objects = {thing["kind"]: thing for thing in rendered(path)}
        role = objects["Role"]
        name = role["metadata"]["namespace"]
        namespace = await self.namespace(name)
        for kind in ("ServiceAccount", "Role", "RoleBinding"):
            await namespace.apply(objects[kind], for_good=True)
        pod = objects["StatefulSet"]["spec"]["template"]["spec"]
        user = f"system:serviceaccount:{name}:{pod['serviceAccountName']}"

        async def may(verb: str, group: str, resource: str) -> bool:
            resource, _, subresource = resource.partition("/")
            wanted = {"verb": verb, "group": group, "resource": resource, "namespace": name}
            asked = {"user": user, "resourceAttributes": wanted | {"subresource": subresource}}
            answer = await namespace.client.ask(
                "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": asked}
            )
            return bool(answer["status"]["allowed"])

        for rule in role["rules"]:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    for verb in rule["verbs"]:
                        # What decides learns of a role a moment later.
                        while not await may(verb, group, resource):
                            await deferLater(trial_reactor(), _POLL_SECONDS)
        self.assertFalse(await may("delete", "", "pods"))
        self.assertFalse(await may("create", "apps", "deployments"))

    async def test_stopping_crays(self) -> None:
        """What the page on Cray's IMS says to stop it by, word for word."""
        place = ROOT / "docs/how-to/from-cray-ims.md"
        [command] = [
            block.text
            for block in read_page(place, place.read_text("utf-8")).blocks
            if block.comment == f"tested by {Path(__file__).relative_to(ROOT)}"
        ]
        client = (await self.namespace("services")).client
        labels = {"app": "cray-ims"}
        container = {"name": "cray-ims", "image": "localhost/cray-ims:1"}
        pod = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": pod}
        deployment = {"metadata": {"name": "cray-ims"}, "spec": spec}
        deployments = "/apis/apps/v1/namespaces/services/deployments"
        await client.ask("POST", deployments, deployment)
        program, _, words = command.partition(" ")
        self.assertEqual(program, "kubectl")
        environment = {"KUBECONFIG": str(control_plane().kubeconfig)}
        output = await getProcessOutput(str(kubectl()), words.split(), environment)
        self.assertEqual(output, b"deployment.apps/cray-ims scaled\n")
        scaled = await client.ask("GET", f"{deployments}/cray-ims")
        self.assertEqual(scaled["spec"]["replicas"], 0)


def _pod(thing: Object) -> Object:
    """The first pod of what makes pods; an account is not looked for where none is made."""
    template = thing["spec"]["template"]
    spec = {name: value for name, value in template["spec"].items() if name != "serviceAccountName"}
    claims = [
        {"name": claim["metadata"]["name"], "emptyDir": {}}
        for claim in thing["spec"].get("volumeClaimTemplates", ())
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": thing["metadata"]["name"], "labels": template["metadata"]["labels"]},
        "spec": spec | {"volumes": [*spec.get("volumes", ()), *claims]},
    }
