"""What is shown of records, and how far jobs are."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from image_management.pages.job_drawings import draw_job_row, draw_stages
from image_management.pages.log_end import Mark
from image_management.pages.views import JobView, job_view
from image_management.records.words import JobStatus, JobType
from tests.httpd.pages.texts import html
from tests.image_management.jobs.samples import job_record

PLACE = {"host": "ims.example.com", "port": 2022}


def job(status: str = "waiting_on_user", **members: Any) -> JobView:
    return job_view(job_record(status=status, **members))


def container(status: str = "active", /, **places: Any) -> dict[str, Any]:
    return {"name": "customize", "status": status, "connection_info": places}


class LoginTests(SynchronousTestCase):
    def commands(self, *containers: dict[str, Any]) -> list[tuple[str, str]]:
        logins = job(ssh_containers=[*containers]).logins
        return [(login.network, login.command) for login in logins]

    def test_one_place(self) -> None:
        places = {"customer_access": PLACE, "cluster.local": PLACE}
        self.assertEqual(
            self.commands(container(**places)), [("", "ssh -p 2022 root@ims.example.com")]
        )

    def test_several_places(self) -> None:
        near = {"host": "job.ims.svc", "port": 22}
        self.assertEqual(
            self.commands(container(**{"customer_access": PLACE, "cluster.local": near})),
            [
                ("customer_access", "ssh -p 2022 root@ims.example.com"),
                ("cluster.local", "ssh -p 22 root@job.ims.svc"),
            ],
        )

    def test_none_yet_or_any_more(self) -> None:
        for status in ("pending", "establishing", "complete"):
            self.assertEqual(self.commands(container(status, customer_access=PLACE)), [])
        for place in ({"host": "", "port": 22}, {"host": "x", "port": 0}):
            self.assertEqual(self.commands(container(customer_access=place)), [])

    def test_odd_host(self) -> None:
        """What a shell would take for more than a word is one."""
        place = {"host": "x; reboot", "port": 22}
        self.assertEqual(
            self.commands(container(customer_access=place)), [("", "ssh -p 22 'root@x; reboot'")]
        )


class StageTests(SynchronousTestCase):
    def drawn(self, view: JobView, *marks: Mark) -> str:
        return html(self, draw_stages(view, marks))

    def test_every_status_of_every_type(self) -> None:
        """Those under way have one stage that they are in."""
        for job_type in JobType:
            for status in JobStatus:
                view = job(status, job_type=job_type)
                current = self.drawn(view).count("aria-current")
                self.assertEqual(current, 0 if view.is_over else 1, (job_type, status))

    def test_failed_build_that_is_looked_at(self) -> None:
        stages = job(job_type="create").stages
        self.assertEqual(
            stages[-3:],
            (JobStatus.BUILDING_IMAGE, JobStatus.WAITING_ON_USER, JobStatus.PACKAGING_ARTIFACTS),
        )

    def test_where_it_has_failed(self) -> None:
        view = job("error", job_type="create")
        self.assertEqual(self.drawn(view), "", "nobody knows")
        marks = [Mark("creating", 0), Mark("fetching_recipe", 5), Mark("error", 65)]
        text = self.drawn(view, *marks)
        self.assertEqual(text.count('class="passed"'), 1)
        self.assertIn('class="failed"><span>Fetching recipe<', text)
        self.assertIn("1 min 0 s", text)
        self.assertEqual(text.count("not begun"), 3)

    def test_a_stage_that_was_begun_again(self) -> None:
        """What counts is how long it took at last."""
        marks = [
            Mark("creating", 0),
            Mark("fetching_image", 10),
            Mark("fetching_image", 100),
            Mark("waiting_on_user", 130),
        ]
        self.assertIn("<small>30 s</small>", self.drawn(job(), *marks))

    def test_long_reason(self) -> None:
        """Among others it is shortened; a page of its own has it whole."""
        view = job("error", status_reason="x" * 5000)
        self.assertEqual(len(view.reason), 5000)
        self.assertLess(len(html(self, draw_job_row(view))), 2000)

    def test_no_secret_in_a_reason(self) -> None:
        view = job("error", status_reason="GET https://s3/x?X-Amz-Signature=abcdef failed")
        self.assertNotIn("abcdef", html(self, draw_job_row(view)))
