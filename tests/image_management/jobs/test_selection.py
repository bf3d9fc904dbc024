"""Which jobs are meant."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from image_management.jobs.selection import Selection, read_age
from image_management.records.kinds import Kind
from image_management.records.record import Record
from image_management.records.words import JobStatus, JobType
from tests.properties import given

SECONDS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}

TERMS = st.lists(st.tuples(st.integers(0, 10**9 - 1), st.sampled_from("wdhms")), min_size=1)


class AgeTests(SynchronousTestCase):
    @given(TERMS)
    def test_sum(self, terms: list[tuple[int, str]]) -> None:
        text = "".join(f"{number}{unit}" for number, unit in terms)
        self.assertEqual(read_age(text), sum(number * SECONDS[unit] for number, unit in terms))

    @given(st.text("0123456789wdhms .-+x\N{ARABIC-INDIC DIGIT ONE}"))
    def test_anything(self, text: str) -> None:
        """Is read as it is written, or refused: nothing in it is passed over."""
        try:
            seconds = read_age(text)
        except ValueError:
            return
        self.assertRegex(text, r"\A([0-9]+[wdhms])+\Z")
        self.assertGreaterEqual(seconds, 0)

    def test_wrong(self) -> None:
        for text in ("", "1", "d", "1 d", "1d ", "1d\n", "-1d", "1.5h", "1D", "1y", "1234567890d"):
            with self.assertRaises(ValueError) as caught:
                read_age(text)
            self.assertIn("such as 1d12h", str(caught.exception))


class SelectionTests(SynchronousTestCase):
    def test_all_that_is_said(self) -> None:
        document = {
            "status": "error",
            "job_type": "create",
            "created": "1970-01-01T00:16:40+00:00",
        }
        job = Record(Kind.JOB, "x", document)
        error, success = JobStatus.ERROR, JobStatus.SUCCESS
        for selection, meant in (
            (Selection(), True),
            (Selection(frozenset({error})), True),
            (Selection(frozenset({error, success})), True),
            (Selection(frozenset({success})), False),
            (Selection(job_type=JobType.CREATE), True),
            (Selection(job_type=JobType.CUSTOMIZE), False),
            (Selection(made_before=1000.0), True),
            (Selection(made_before=999.0), False),
            (Selection(frozenset({error}), JobType.CREATE, 1001.0), True),
            (Selection(frozenset({error}), JobType.CREATE, 1.0), False),
        ):
            self.assertEqual(selection.has(job), meant, selection)
