"""The dashboards of C{deploy/grafana/}, as data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from demo.service import ROOT


def dashboard(service: str) -> dict[str, Any]:
    """A service's."""
    file = ROOT / "deploy" / "grafana" / f"{service}.json"
    board: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return board


def queries(board: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What its panels and annotations ask Prometheus, by their titles."""
    for annotation in board["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def variables(board: dict[str, Any]) -> Iterator[str]:
    """The series whose labels its variables are."""
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            query = variable["query"]["query"]
            yield query.removeprefix("label_values(").rpartition(",")[0]


def as_now(query: str, service: str) -> str:
    """A query as Grafana sends it, for all instances."""
    return (
        query.replace("$__rate_interval", "1m").replace("$job", service).replace("$instance", ".*")
    )
