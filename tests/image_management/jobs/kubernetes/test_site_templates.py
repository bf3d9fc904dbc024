"""The objects of jobs, of a site's own templates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from image_management.jobs.kubernetes.resources import (
    CONFIG_MAP,
    DESTINATION_RULE,
    SERVICE,
)
from image_management.jobs.kubernetes.template_sets import template_sets
from image_management.jobs.kubernetes.templates import BadTemplate
from image_management.records.words import JobType, RecipeType
from tests.image_management.jobs.kubernetes.samples import SETTINGS, cluster_job
from tests.image_management.jobs.kubernetes.test_objects import (
    KEYS,
    URL,
    environment_of,
    made,
    pod_of,
)

SITE = {
    "configmap": """
kind: ConfigMap
apiVersion: v1
metadata:
  name: cray-ims-$id-configmap
  namespace: $namespace
data:
  public_key:
    $public_key
  template_dictionary: |
    $template_dictionary
""",
    "pvc": """
kind: PersistentVolumeClaim
apiVersion: v1
metadata:
  name: cray-ims-$id-job-claim
  namespace: $namespace
spec:
  storageClassName: site
  accessModes: [ReadWriteOnce]
  resources:
    requests:
      storage: "$pvc_gb"
""",
    "service": """
kind: Service
apiVersion: v1
metadata:
  name: site-$id-service
  namespace: $namespace
  labels: {site: ours}
spec:
  selector:
    app: ims-$id-create
  ports:
  - port: 22
""",
    "job": """
apiVersion: batch/v1
kind: Job
metadata:
  name: cray-ims-$id-create
  namespace: $namespace
spec:
  template:
    metadata:
      labels:
        app: ims-$id-create
    spec:
      restartPolicy: Never
      runtimeClassName: $runtime_class
      serviceAccountName: $service_account
      containers:
      - name: sshd
        image: site/sshd:3
        securityContext:
          privileged: $security_privilege
          capabilities:
            add: [$security_capabilites]
        env:
        - name: ENABLE_DEBUG
          value: '$enable_debug'
        - name: ARCHIVE
          value: $image_root_archive_name
        command: [ "sh", "-ce", "/scripts/fetch.sh \\"$download_url\\" $$HOME" ]
        resources:
          requests: {memory: "$size_gb"}
          limits: {memory: "$limit_gb"}
      volumes:
      - name: keys
        secret:
          secretName: cray-ims-$id-signing-keys
""",
}
"""Templates as Cray's chart writes them."""


class SiteTests(SynchronousTestCase):
    """A site's own templates."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.write("create/kiwi-ng")

    def write(self, place: str, **changes: str | None) -> None:
        job_type = place.partition("/")[0]
        (self.folder / place).mkdir(parents=True, exist_ok=True)
        for name, text in (SITE | changes).items():
            file = self.folder / place / f"image_{name}_{job_type}.yaml.template"
            if text is None:
                file.unlink()
            else:
                file.write_text(text)

    def refusal(self) -> str:
        with self.assertRaises(BadTemplate) as refused:
            template_sets(self.folder)
        return str(refused.exception)

    def test_used(self) -> None:
        sets = template_sets(self.folder)
        self.assertEqual([*sets], [(JobType.CREATE, RecipeType.KIWI_NG)])
        job = cluster_job(job_type="create", require_dkms=True, image_root_archive_name="on")
        id, objects = job.record.id, made(job, sets)
        config_map = objects.by_resource[CONFIG_MAP]
        self.assertEqual(config_map["data"]["public_key"], KEYS)
        pairs = json.loads(config_map["data"]["template_dictionary"])
        self.assertEqual(pairs["q"], '"{{x}}"\n')
        service = objects.by_resource[SERVICE]
        self.assertEqual(service["metadata"]["labels"]["site"], "ours")
        self.assertEqual(service["metadata"]["labels"]["ims-job-id"], id)
        self.assertEqual(objects.members(id, SETTINGS)["kubernetes_service"], f"site-{id}-service")
        self.assertEqual(
            objects.by_resource[DESTINATION_RULE]["metadata"]["name"], f"site-{id}-service"
        )
        pod = pod_of(objects)
        [sshd] = pod["containers"]
        self.assertEqual(sshd["securityContext"]["capabilities"], {"add": ["SYS_ADMIN"]})
        self.assertIs(sshd["securityContext"]["privileged"], True)
        self.assertEqual(environment_of(sshd), {"ENABLE_DEBUG": "False", "ARCHIVE": "on"})
        self.assertEqual(sshd["command"][2], f'/scripts/fetch.sh "{URL}" $HOME')
        self.assertEqual(sshd["resources"]["limits"]["memory"], "180Gi")
        self.assertEqual(pod["runtimeClassName"], "kata-qemu")
        without = pod_of(objects.without_secret(id))
        self.assertIs(without["volumes"][0]["secret"]["optional"], True)

    def test_nothing_to_fill_in(self) -> None:
        objects = made(cluster_job(job_type="create"), template_sets(self.folder))
        pod = pod_of(objects)
        self.assertNotIn("runtimeClassName", pod)
        self.assertNotIn("serviceAccountName", pod)
        self.assertEqual(pod["containers"][0]["securityContext"], {"capabilities": {"add": []}})

    def test_no_value_adds_a_key(self) -> None:
        """Several keys in several lines, and whatever else there may be in a value."""
        evil = 'ssh-rsa A\nhostNetwork: true\n"}: {{ x }} $$ $id ${id}\n---\n'
        sets = template_sets(self.folder)
        job = cluster_job(job_type="create", image_root_archive_name="x: {y}")
        plain = made(job, sets)
        changed = made(
            job, sets, public_key=evil, image_root_archive_name=evil, template_dictionary=evil
        )
        self.assertEqual(changed.by_resource[CONFIG_MAP]["data"]["public_key"], evil)

        def shape(tree: Any) -> Any:
            if isinstance(tree, dict):
                return {key: shape(value) for key, value in tree.items()}
            return [shape(one) for one in tree] if isinstance(tree, list) else type(tree)

        for resource, thing in changed.by_resource.items():
            self.assertEqual(shape(thing), shape(plain.by_resource[resource]))

    def test_refused(self) -> None:
        for changes, expected in (
            ({"job": None}, "image_job_create.yaml.template cannot be read: No such file"),
            ({"pvc": "a: b"}, "image_pvc_create.yaml.template: it is no PersistentVolumeClaim"),
            (
                {"service": SITE["service"] + "status: $recipes"},
                "image_service_create.yaml.template: line 13: unknown place '$recipes'",
            ),
            (
                {"job": "kind: Job\nmetadata: {name: x}\nspec: {template: {}}"},
                "its Job has no pod; expected spec.template.spec",
            ),
            ({"configmap": "a: b: c"}, "image_configmap_create.yaml.template: line 1: no YAML"),
        ):
            self.write("create/kiwi-ng", **changes)
            self.assertIn(expected, self.refusal())
            self.write("create/kiwi-ng")

    def test_places_of_recipes(self) -> None:
        """Jobs that customize have none."""
        self.write("customize")
        told = self.refusal()
        self.assertIn("customize/image_configmap_customize.yaml.template: line 11: unknown", told)
