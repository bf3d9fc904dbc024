"""Jobs that a service takes over: there is nobody who makes new ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.image_management.service import NOBODY


def kept_job(number: int, **members: Any) -> dict[str, Any]:
    """A job in a file of Cray's service."""
    return {
        "id": str(UUID(int=number, version=4)),
        "created": "2020-01-01T00:00:00",
        "job_type": "create",
        "status": "success",
        "artifact_id": NOBODY,
        "public_key_id": NOBODY,
        "image_root_archive_name": f"image {number}",
        "build_env_size": 15,
        "enable_debug": False,
        **members,
    }


def folder_with(directory: str, *jobs: Mapping[str, Any]) -> Mapping[str, str]:
    """
    The settings of a service that takes these over.

    @param directory: one that is not there yet.
    """
    folder = Path(directory).resolve()
    folder.mkdir()
    (folder / "v2.2_jobs.json").write_text(json.dumps(jobs))
    return {"IMS_DATA_DIR": str(folder)}
