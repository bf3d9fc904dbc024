"""Prometheus' rules, by promtool."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from twisted.trial.unittest import TestCase

from demo.service import ROOT
from tests.deploy.alert_cases import ALERTS, Series, cases
from tests.deploy.rules import PROMETHEUS, alerts, named, records, rule_file, rules
from tests.documented_metrics import PREFIXES, documented_samples
from tests.running import run

_PAGES = "https://docs.example.com/"
"""Where a site has what C{make docs} makes; whoever has it elsewhere changes it."""


class RulesTests(TestCase):
    """Those of both services."""

    timeout = 120

    async def test_promtool_takes_them(self) -> None:
        for service in PREFIXES:
            await run("promtool", "check", "rules", rule_file(service))

    async def test_each_alert_fires_and_does_not_fire(self) -> None:
        """As L{tests.deploy.alert_cases} has it."""
        for service in PREFIXES:
            all_cases = [*cases(service)]
            self.assertEqual(
                sorted(case.alert for case in all_cases),
                sorted(alert.name for alert in alerts(service)),
            )
            tests = [
                test
                for case in all_cases
                for test in (
                    _test(case.alert, case.bad, {case.earlier: False, case.minutes: True}),
                    _test(case.alert, case.good, dict.fromkeys(range(1, 400, 21), False)),
                )
            ]
            await self.promtool_tests(service, tests)

    async def test_a_wrong_test_is_noticed(self) -> None:
        """That is: promtool would say so."""
        case = next(cases("assisted-images"))
        for series, fires in ((case.bad, False), (case.good, True)):
            with self.assertRaises(AssertionError):
                await self.promtool_tests(
                    "assisted-images", [_test(case.alert, series, {case.minutes: fires})]
                )

    async def promtool_tests(self, service: str, tests: list[dict[str, Any]]) -> None:
        """
        Have promtool run tests.

        @raise AssertionError: one fails.
        """
        file = Path(self.mktemp()).resolve()
        document = {
            "rule_files": [str(rule_file(service))],
            "evaluation_interval": "1m",
            "tests": tests,
        }
        file.write_text(yaml.safe_dump(document), "utf-8")
        await run("promtool", "test", "rules", file)

    async def test_for_the_operator(self) -> None:
        """What the page makes of the files with C{sed} are PrometheusRules."""
        page = (ROOT / "docs" / "how-to" / "monitoring.md").read_text("utf-8")
        to_site, to_operator = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
        directory = Path(self.mktemp()).resolve()
        shutil.copytree(PROMETHEUS, directory / "deploy" / "prometheus")
        await run("sh", "-ec", f"cd {directory}/deploy/prometheus; {to_site}")
        await run("sh", "-ec", f"cd {directory}; {to_operator}")
        made = (directory / "rules.yaml").read_text("utf-8")
        self.assertIn("https://docs.mysite.example/ims/how-to/monitoring.html#down", made)
        self.assertNotIn(_PAGES, made)
        for service, document in zip(PREFIXES, yaml.safe_load_all(made), strict=False):
            self.assertEqual(document["kind"], "PrometheusRule")
            self.assertEqual(document["metadata"], {"name": service})
            self.assertEqual(sum(len(one["rules"]) for one in document["spec"]["groups"]), 18)

    def test_words(self) -> None:
        """Each has a severity, a summary, a description, and a section that says what to do."""
        for service, prefix in ALERTS.items():
            for alert in alerts(service):
                self.assertTrue(alert.name.startswith(prefix), alert.name)
                self.assertIn(alert.severity, {"critical", "warning", "info"})
                said = alert.annotations
                self.assertEqual({*said}, {"summary", "description", "runbook_url"}, alert.name)
                self.assertLess(len(said["summary"]), 100)
                self.assertTrue(said["description"].endswith("."), alert.name)
                page, _, section = said["runbook_url"].removeprefix(_PAGES).partition("#")
                self.assertIn(section, [*_sections(ROOT / "docs" / page)], alert.name)

    def test_metrics_are_there(self) -> None:
        """No rule names a metric that the service does not have; no record is named by nobody."""
        for service in PREFIXES:
            recorded = records(service)
            known = documented_samples(service) | {*recorded}
            for rule in rules(service):
                self.assertEqual(named(rule["expr"]) - known, set())
            used = set().union(*(named(alert.query) for alert in alerts(service)))
            self.assertEqual({*recorded} - used, set())

    def test_both_services_have_what_is_common(self) -> None:
        """A rule of one that the other could have, it has, word for word."""
        images, management = ALERTS
        others = {_neutral(management, rule["expr"]): rule for rule in rules(management)}
        common = 0
        for rule in rules(images):
            other = others.get(_neutral(images, rule["expr"]))
            if other is not None:
                common += 1
                self.assertEqual(_neutral(images, repr(rule)), _neutral(management, repr(other)))
        self.assertEqual(common, 12)


def _test(alert: str, series: Series, fires: dict[int, bool]) -> dict[str, Any]:
    """Promtool's words for: with these series it fires, or not, after so many minutes."""
    firing = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": firing,
                "eval_time": f"{minutes}m",
                "exp_samples": [{"labels": "{}", "value": 1}] if fire else [],
            }
            for minutes, fire in fires.items()
        ],
    }


def _neutral(service: str, text: str) -> str:
    """A text without what is the service's own in it."""
    for own in (ALERTS[service], PREFIXES[service], service):
        text = text.replace(own, "…")
    return text


def _sections(page: Path) -> Iterator[str]:
    """What leads to the sections of a page, as sites make it of their titles."""
    for title in re.findall(r"^#+ (.+)$", page.with_suffix(".md").read_text("utf-8"), re.MULTILINE):
        yield re.sub(r"[^\w\s-]", "", title.lower()).strip().replace(" ", "-")
