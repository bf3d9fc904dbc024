"""What is refused, in which words; and the command line."""

from __future__ import annotations

from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.__main__ import main
from tests.simulation.scenario import Boot, Image, Scenario
from tests.simulation.storm import simulate
from tests.simulation.tables import described, row


class ScenarioTests(SynchronousTestCase):
    """Scenarios that make no sense."""

    def test_numbers_out_of_bounds(self) -> None:
        for fields, text in (
            ({"sites": 0}, "sites is 0; expected 1 or more"),
            ({"hosts": -1}, "hosts is -1; expected 0 or more"),
            ({"gbit": 0}, "gbit is 0; expected more than 0"),
            ({"rtt_ms": float("nan")}, "rtt_ms is nan; expected 0 or more"),
            ({"spread": float("inf")}, "spread is inf; expected 0 or more"),
        ):
            error = self.assertRaises(ValueError, Scenario, **fields)
            self.assertEqual(str(error), text)


class CommandTests(SynchronousTestCase):
    """C{python -m tests.simulation}."""

    def _main(self, *arguments: str) -> tuple[int, str, str]:
        output, errors, status = StringIO(), StringIO(), 0
        with redirect_stdout(output), redirect_stderr(errors):
            try:
                main(arguments)
            except SystemExit as ended:
                status = int(ended.code or 0)
        return status, output.getvalue(), errors.getvalue()

    def test_a_scenario(self) -> None:
        status, output, _ = self._main(
            "--sites", "3", "--image=full", "--boot=http", "--spread", "7.5", "--tls"
        )
        scenario = Scenario(sites=3, image=Image.FULL, boot=Boot.HTTP, spread=7.5, tls=True)
        self.assertEqual(status, 0)
        self.assertIn(described(scenario), output)
        self.assertIn(row("", scenario, simulate(scenario)), output)

    def test_what_is_wrong_is_said(self) -> None:
        for arguments, text in (
            (["--workers=0"], "workers is 0; expected 1 or more"),
            (["--hosts=many"], "invalid int value: 'many'"),
            (["--image=big"], "(choose from"),
            (["--bench=/none", "--hosts=1"], "/none: No such file or directory"),
            (["--check", "--hosts=1"], "have their own scenarios"),
        ):
            status, output, errors = self._main(*arguments)
            self.assertEqual((status, output), (2, ""), arguments)
            self.assertIn(text, errors)
