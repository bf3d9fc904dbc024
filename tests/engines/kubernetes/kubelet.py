"""The test as the agent of a node: it says what has become of pods."""

from __future__ import annotations

from datetime import UTC, datetime

from twisted.internet.task import deferLater

from tests.engines.kubernetes.client import Client
from tests.engines.kubernetes.resources import Json
from tests.httpd.outbound.servers import trial_reactor

_POLL_SECONDS = 0.02
_TRIES = 1500


class Kubelet:
    """Sets the status of pods; what controls Jobs takes it from there."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def pod_of(self, job: str) -> str:
        """
        The name of a Job's pod, once there is one.

        @raise AssertionError: none comes.
        """
        for _ in range(_TRIES):
            names = await self._client.names("pods", f"batch.kubernetes.io/job-name={job}")
            if names:
                return names[0]
            await deferLater(trial_reactor(), _POLL_SECONDS)
        raise AssertionError(f"Job {job} has no pod")

    async def ended(self, job: str) -> str:
        """
        How a Job has ended, once it has: C{Complete} or C{Failed}.

        @raise AssertionError: it goes on.
        """
        for _ in range(_TRIES):
            status = (await self._client.get("jobs", job)).get("status") or {}
            for one in status.get("conditions") or ():
                if one["type"] in {"Complete", "Failed"} and one["status"] == "True":
                    return str(one["type"])
            await deferLater(trial_reactor(), _POLL_SECONDS)
        raise AssertionError(f"Job {job} goes on")

    async def gone(self, resource: str, name: str) -> None:
        """
        Wait until an object is gone.

        @raise AssertionError: it stays.
        """
        for _ in range(_TRIES):
            if name not in await self._client.names(resource):
                return
            await deferLater(trial_reactor(), _POLL_SECONDS)
        raise AssertionError(f"{resource}/{name} stays")

    async def set_status(self, pod: str, **status: object) -> None:
        """
        Say how a pod is.

        @param status: members of its status, such as C{phase}.
        """
        await self._client.patch("pods", pod, {"status": status}, "status")

    async def set_containers(self, pod: str, phase: str = "Running", **states: Json) -> None:
        """
        Say how containers are, by their names; others wait (C{PodInitializing}).

        @param phase: the pod's.
        @param states: see L{running}, L{waiting} and L{ended_with}; C{_} in a name means C{-}.
        """
        spec = (await self._client.get("pods", pod))["spec"]
        known = {name.replace("_", "-"): state for name, state in states.items()}
        groups = {}
        for group in ("initContainers", "containers"):
            names = [one["name"] for one in spec.get(group) or ()]
            statuses = [_status(name, known.pop(name, waiting())) for name in names]
            groups[f"{group[:-1]}Statuses"] = statuses
        assert not known, f"no container is called {', '.join(known)}"
        await self.set_status(pod, phase=phase, startTime=now(), **groups)

    async def succeed(self, job: str) -> None:
        """Have all containers of a Job's pod end well, and with them the Job."""
        pod = await self.pod_of(job)
        await self._end_all(pod, "Succeeded", ended_with(0))
        await self.ended(job)

    async def fail(self, job: str, container: str, state: Json) -> None:
        """Have a container of a Job's pod end badly, and with it the Job."""
        pod = await self.pod_of(job)
        await self._end_all(pod, "Failed", ended_with(0), {container: state})
        await self.ended(job)

    async def out_of_memory(self, job: str, container: str) -> None:
        """Have the kernel kill a container that has used up its memory."""
        await self.fail(job, container, ended_with(137, "OOMKilled"))

    async def evict(self, job: str, why: str = "The node was low on resource: memory.") -> None:
        """Have a Job's pod put out by its node."""
        pod = await self.pod_of(job)
        await self.set_status(pod, phase="Failed", reason="Evicted", message=why)
        await self.ended(job)

    async def unschedulable(self, job: str, why: str = "0/1 nodes: Insufficient memory.") -> None:
        """Have no node with room for a Job's pod."""
        await self.set_status(
            await self.pod_of(job),
            phase="Pending",
            conditions=[
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": why,
                    "lastTransitionTime": now(),
                }
            ],
        )

    async def cannot_pull(self, job: str, container: str, why: str = "not found") -> None:
        """Have no image of a container."""
        state = waiting("ImagePullBackOff", f"Back-off pulling image: {why}")
        await self.set_containers(await self.pod_of(job), "Pending", **{container: state})

    async def _end_all(
        self, pod: str, phase: str, state: Json, others: dict[str, Json] | None = None
    ) -> None:
        spec = (await self._client.get("pods", pod))["spec"]
        names = [
            one["name"]
            for group in ("initContainers", "containers")
            for one in spec.get(group) or ()
        ]
        await self.set_containers(pod, phase, **dict.fromkeys(names, state) | (others or {}))


def running() -> Json:
    """A container that runs."""
    return {"running": {"startedAt": now()}}


def waiting(reason: str = "PodInitializing", message: str = "") -> Json:
    """A container that cannot run yet."""
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def ended_with(status: int, reason: str = "") -> Json:
    """
    A container that has ended.

    @param status: its exit status.
    """
    why = reason or ("Error" if status else "Completed")
    times = {"startedAt": now(), "finishedAt": now()}
    return {"terminated": {"exitCode": status, "reason": why, **times}}


def now() -> str:
    """The time, as Kubernetes writes it."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _status(name: str, state: Json) -> Json:
    return {
        "name": name,
        "image": "",
        "imageID": "",
        "ready": "running" in state,
        "restartCount": 0,
        "state": state,
    }
