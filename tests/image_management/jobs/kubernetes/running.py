"""The real service beside a Kubernetes and an S3 server, and what one asks of it about jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from demo.service import ServiceProcess
from image_management.jobs.progress import OVER
from tests.engines.kubernetes.bed import KubernetesBed
from tests.engines.versitygw import Versitygw, start_versitygw
from tests.httpd.outbound.servers import trial_reactor
from tests.image_management.service import PUBLIC_KEY, Ims
from tests.running import base_environment

START_SECONDS = 60
_POLL_SECONDS = 0.05


@dataclass
class Jobs:
    """
    A service that makes jobs, and can be killed and started again.

    @ivar bed: where they are.
    @ivar ims: the service, as its clients see it.
    @ivar image: the id of an image to customise, and C{recipe} that of one to build.
    """

    bed: KubernetesBed
    s3: Versitygw
    environment: Mapping[str, str]
    ims: Ims
    image: str = ""
    recipe: str = ""
    public_key: str = ""

    async def start(self) -> None:
        """Start the service, where an earlier one has left off."""
        reactor = cast(Any, trial_reactor())
        process = ServiceProcess(reactor, self.environment, service="image-management")
        self.ims = Ims(process, self.s3)
        await process.start(START_SECONDS)

    async def kill(self) -> None:
        """SIGKILL the service, and wait until it is gone."""
        process = self.ims.process
        if process.exit_status is None:
            process._signal("KILL")
            await process.wait_for(lambda: process.exit_status is not None, "die", START_SECONDS)

    async def prepare(self, public_key: str = PUBLIC_KEY, rootfs: bytes = b"hsqs root") -> None:
        """Have what jobs need: an image, a recipe and a public key."""
        ims = self.ims
        link = ims.put_image("image", rootfs=rootfs)
        self.image = (await ims.make("/v3/images", name="image", link=link))["id"]
        link = ims.put("recipe.tgz", b"recipe", "ims")
        recipe: dict[str, Any] = {
            "recipe_type": "kiwi-ng",
            "linux_distribution": "sles15",
            "link": link,
        }
        recipe["template_dictionary"] = [{"key": "mirror", "value": "https://example.org/"}]
        self.recipe = (await ims.make("/v3/recipes", name="recipe", **recipe))["id"]
        key = await ims.make("/v3/public-keys", name="key", public_key=public_key)
        self.public_key = key["id"]

    def wanted(self, job_type: str = "customize", **members: Any) -> dict[str, Any]:
        """What one asks for who wants a job."""
        return {
            "job_type": job_type,
            "artifact_id": self.image if job_type == "customize" else self.recipe,
            "public_key_id": self.public_key,
            "image_root_archive_name": "new",
            "build_env_size": 1,
            "job_mem_size": 1,
            **members,
        }

    async def make(self, job_type: str = "customize", **members: Any) -> dict[str, Any]:
        """A new job's record."""
        return await self.ims.make("/v3/jobs", **self.wanted(job_type, **members))

    async def until(self, id: str, status: str) -> dict[str, Any]:
        """
        A job's record, once it has that status; the test's time limit ends the waiting.

        @raise AssertionError: it is over with another.
        """
        while (job := await self.ims.get(f"/v3/jobs/{id}"))["status"] != status:
            if job["status"] in OVER:
                raise AssertionError(f"{job['status']}, not {status}: {job['status_reason']}")
            await deferLater(trial_reactor(), _POLL_SECONDS)
        found: dict[str, Any] = job
        return found


async def start_jobs(
    test: TestCase,
    bed: KubernetesBed,
    settings: Mapping[str, str] | None = None,
    s3: Versitygw | None = None,
) -> Jobs:
    """
    A service that makes jobs; the test's end kills it.

    @param s3: beside it; C{None}: a new one.
    """
    s3 = s3 or await start_versitygw(test)
    environment = base_environment() | {
        "LISTEN_PORT": "0",
        "S3_ENDPOINT": s3.access.endpoint,
        "S3_ACCESS_KEY": s3.access.access_key,
        "S3_SECRET_KEY": s3.access.secret_key,
        "IMS_DATA_DIR": str(Path(test.mktemp()).resolve()),
        **bed.settings,
        **(settings or {}),
    }
    jobs = Jobs(bed, s3, environment, cast(Ims, None))
    test.addCleanup(jobs.kill)
    await jobs.start()
    return jobs
