"""Infra-envs in a directory."""

from __future__ import annotations

import json
from pathlib import Path

INFRA_ENV = "5a3b6c1e-8f1d-4c57-9a35-0d2f6f3f7c10"


def write_infra_env(directory: Path, infra_env_id: str, name: str = "") -> None:
    place = directory / infra_env_id
    place.mkdir(parents=True)
    (place / "discovery.ign").write_text('{"ignition": {"version": "3.2.0"}}')
    if name:
        (place / "infra-env.json").write_text(json.dumps({"name": name}))
