"""schemathesis, a client that makes up requests from the OpenAPI document, and the live service."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from twisted.internet.utils import getProcessOutputAndValue

from image_management.records.kinds import Kind
from tests.image_management.records.samples import SENT
from tests.image_management.service import ServiceTestCase


def exists(document: dict[str, Any], path: str, name: str) -> None:
    """Have a path asked for with what exists, so that requests get further than to 404."""
    item = document["paths"][path]
    [parameter] = item["parameters"]
    described = document["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
    item["parameters"] = [{**described, "example": name}]


class MadeUpRequestsTests(ServiceTestCase):
    async def test_schemathesis(self) -> None:
        """Whatever it asks is answered as the document says, and never by a fault of ours."""
        ims = await self.start()
        document = await ims.get("/openapi.json")
        for kind in (Kind.PUBLIC_KEY, Kind.RECIPE, Kind.IMAGE):
            live, deleted = [await ims.make(f"/v3/{kind}", **SENT[kind]) for _ in range(2)]
            self.assertEqual((await ims.ask("DELETE", f"/v3/{kind}/{deleted['id']}")).status, 204)
            exists(document, f"/v3/{kind}/{{id}}", live["id"])
            exists(document, f"/v3/deleted/{kind}/{{id}}", deleted["id"])
        node = await ims.make("/v3/remote-build-nodes", **SENT[Kind.REMOTE_BUILD_NODE])
        for path in ("", "/status"):
            exists(document, f"/v3/remote-build-nodes{path}/{{xname}}", node["xname"])
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        described = directory / "openapi.json"
        described.write_text(json.dumps(document))
        output, errors, status = await getProcessOutputAndValue(
            str(Path(sys.executable).with_name("schemathesis")),
            [
                "run",
                str(described),
                f"--url=http://127.0.0.1:{ims.process.ports['http']}",
                "--phases=examples,coverage,fuzzing",
                "--max-examples=5",
                # Those of other versions are the same resources.
                "--include-path-regex=^/(v3|healthz|version|status|metrics)",
                "--seed=14",
                # Two threads that parse Python at a time end in a SystemError before CPython 3.11.5
                # (github.com/python/cpython/issues/106905).
                "--workers=1",
                "--checks=not_a_server_error,status_code_conformance,content_type_conformance,"
                "response_headers_conformance,response_schema_conformance,unsupported_method",
                "--no-color",
            ],
            {"PATH": os.environ["PATH"], "HOME": str(directory), "LC_ALL": "C.UTF-8"},
            str(directory),
        )
        text = (output + errors).decode("utf-8", "replace")
        self.assertEqual(status, 0, text[-8000:])
        print(" ".join(text.partition("SUMMARY")[2].split())[:600])
