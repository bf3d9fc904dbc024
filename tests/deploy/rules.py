"""The files of C{deploy/prometheus/}, as data, and the metrics that queries name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from demo.service import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"

_NAME = re.compile(
    r"(?<![\w:])(?:job:)?(?:assisted_image_service_|image_management_|process_)[\w:]+"
)


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule that alerts."""

    name: str
    query: str
    severity: str
    annotations: dict[str, str]
    wait: str


def rule_file(service: str) -> Path:
    """Where a service's rules are."""
    return PROMETHEUS / f"{service}.rules.yaml"


def rules(service: str) -> Iterator[dict[str, Any]]:
    """All of a service's."""
    for group in yaml.safe_load(rule_file(service).read_text("utf-8"))["groups"]:
        yield from group["rules"]


def alerts(service: str) -> list[Alert]:
    """Those that alert."""
    return [
        Alert(
            rule["alert"],
            rule["expr"],
            rule["labels"]["severity"],
            rule["annotations"],
            rule.get("for", "0m"),
        )
        for rule in rules(service)
        if "alert" in rule
    ]


def records(service: str) -> dict[str, str]:
    """The queries whose results are recorded, by the names that they get."""
    return {rule["record"]: rule["expr"] for rule in rules(service) if "record" in rule}


def named(query: str) -> set[str]:
    """The metrics of the services that a query names, and what rules have recorded."""
    return set(_NAME.findall(query))
