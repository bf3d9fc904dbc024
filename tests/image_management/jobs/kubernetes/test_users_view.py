"""The service, as a user of a job in Kubernetes sees it: its log, the end of his turn, metrics."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.web.http import fromChunk

from tests.engines.kubernetes.case import KubernetesTestCase
from tests.engines.kubernetes.double import start_double
from tests.engines.kubernetes.kubelet import ended_with, running
from tests.httpd.outbound.servers import trial_reactor
from tests.httpd.web.serving import Answer
from tests.image_management.jobs.kubernetes.running import start_jobs


def text_of(answer: Answer) -> str:
    """What came in chunks (RFC 9112, section 7.1)."""
    text, rest = b"", answer.body
    while rest:
        chunk, rest = fromChunk(rest)
        text += chunk
    return text.decode()


class UserTests(KubernetesTestCase):
    async def test_log_turn_and_metrics(self) -> None:
        bed = start_double(self)
        jobs = await start_jobs(self, bed)
        await jobs.prepare()
        job = await jobs.make()
        path = f"/v3/jobs/{job['id']}"
        pod = await bed.kubelet.pod_of(job["kubernetes_job"])
        await bed.kubelet.set_containers(pod, prepare=ended_with(0), sshd=running())
        bed.write_log(pod, "prepare", "fetched", "X-Amz-Signature=0123456789abcdef")
        bed.write_log(pod, "sshd", "listens")
        log = await jobs.ims.ask("GET", f"{path}/log")
        self.assertEqual(log.header("content-type"), "text/plain; charset=utf-8")
        lines = text_of(log).splitlines()
        shown = ["fetched", "X-Amz-Signature=[redacted]", "listens"]
        headings = [line for line in lines if line not in shown]
        begins = [line.split()[:2] for line in headings]
        self.assertEqual(begins, [["==", "prepare"], ["==", "sshd"]])
        self.assertEqual(lines, [headings[0], *shown[:2], headings[1], shown[2]])
        tail = text_of(await jobs.ims.ask("GET", f"{path}/log?tail=3"))
        self.assertEqual(tail.splitlines(), lines[-3:])

        # There is no such name outside of a cluster.
        await jobs.ims.ask("PATCH", path, {"status": "waiting_on_user"})
        refused = await jobs.ims.ask("PATCH", path, {"operation": "finish"})
        self.assertEqual(refused.status, 502)
        place = f"cray-ims-{job['id']}-service.ims.svc.cluster.local port 22"
        self.assertIn(f"ssh to {place}: its host name cannot be resolved", refused.text)
        config_map = await bed.client.get("configmaps", job["kubernetes_configmap"])
        users, ours, *_ = config_map["data"]["public_key"].splitlines()
        self.assertTrue(ours.endswith(" image-management"), (users, ours))

        follower = Deferred.fromCoroutine(jobs.ims.ask("GET", f"{path}/log?follow=true"))
        bed.write_log(pod, "sshd", "somebody was there")
        await bed.kubelet.set_containers(
            pod,
            "Succeeded",
            prepare=ended_with(0),
            sshd=ended_with(0),
            buildenv_sidecar=ended_with(0),
        )
        await jobs.ims.ask("PATCH", path, {"status": "success"})
        text = text_of(await follower)
        self.assertIn("somebody was there\n", text)
        self.assertIn("== buildenv-sidecar ", text)

        bed.cut_watches()
        counted = 'image_management_kubernetes_watch_restarts_total{resource="jobs"} 1.0'
        while counted not in (await jobs.ims.ask("GET", "/metrics")).text:
            await deferLater(trial_reactor(), 0.05)
