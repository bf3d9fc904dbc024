"""Grafana's dashboards, as files: the schema, the grid, the metrics."""

from __future__ import annotations

import json
from collections import Counter

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from twisted.trial.unittest import SynchronousTestCase

from tests.deploy.dashboards import dashboard, queries, variables
from tests.deploy.rules import named, records
from tests.documented_metrics import PREFIXES, documented_samples

_COLUMNS = 24


class DashboardsTests(SynchronousTestCase):
    """Those of both services."""

    def test_schema(self) -> None:
        """All that is in them means something to Grafana: its own types keep each member."""
        register_default_plugins()
        for service in PREFIXES:
            board = dashboard(service)
            read = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(board)))
            self.assertEqual(_lost(board, read), [])

    def test_a_wrong_member_is_noticed(self) -> None:
        board = dashboard("assisted-images")
        panel = board["panels"][1] | {"titel": "x"}
        read = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(board)))
        self.assertEqual(_lost(board | {"panels": [board["panels"][0], panel]}, read), [".panels"])

    def test_grid(self) -> None:
        """No panel lies on another or beside the grid; each has an id, a title, and says why."""
        for service in PREFIXES:
            panels = dashboard(service)["panels"]
            self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
            places = Counter(
                (at["x"] + column, at["y"] + line)
                for panel in panels
                for at in [panel["gridPos"]]
                for column in range(at["w"])
                for line in range(at["h"])
            )
            self.assertEqual([place for place, count in places.items() if count > 1], [])
            self.assertEqual({place for place in places if not 0 <= place[0] < _COLUMNS}, set())
            for panel in panels:
                self.assertTrue(panel["title"])
                if panel["type"] != "row":
                    self.assertTrue(panel["description"].endswith("."), panel["title"])
                    self.assertEqual(panel["datasource"]["uid"], "${datasource}")

    def test_metrics_are_there(self) -> None:
        """No query names a metric that the service does not have; and hardly one is left out."""
        for service in PREFIXES:
            board = dashboard(service)
            known = documented_samples(service) | {*records(service)}
            used = set().union(*(named(query) for _, query in queries(board)))
            used |= set().union(*map(named, variables(board)))
            self.assertEqual(used - known, set())


def _lost(board: object, read: object, place: str = "") -> list[str]:
    """The places of what is in a dashboard and not in what was read of it."""
    if isinstance(board, dict) and isinstance(read, dict):
        return [
            lost
            for name, value in board.items()
            for lost in (
                _lost(value, read[name], f"{place}.{name}") if name in read else [f"{place}.{name}"]
            )
        ]
    if isinstance(board, list) and isinstance(read, list) and len(board) == len(read):
        return [
            lost
            for number, (one, other) in enumerate(zip(board, read, strict=True))
            for lost in _lost(one, other, f"{place}[{number}]")
        ]
    return [] if board == read else [place]
