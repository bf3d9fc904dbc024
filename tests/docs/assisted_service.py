"""
C{python -m tests.docs.assisted_service PORT}: for pages that have an assisted-service beside the
service.  All infra-envs are alike; each config has another number in it, as it would have a freshly
signed token.  Whoever brings no token is refused.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

_IGNITION: dict[str, object] = {"ignition": {"version": "3.2.0"}, "number": 0}
_NUMBERS = count(1)
_INFRA_ENV = {"kernel_arguments": '[{"operation": "append", "value": "from=assisted-service"}]'}


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        allowed = "api_key=" in self.path or {"image-token", "authorization"} & {
            name.lower() for name in self.headers
        }
        name = self.path.partition("?")[0].rpartition("/")[2]
        found = {"files": _IGNITION, "minimal-initrd": None}.get(name, _INFRA_ENV)
        _IGNITION["number"] = next(_NUMBERS)
        body = b"" if found is None else json.dumps(found).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    # Ctrl-C ends it.
    with (
        suppress(KeyboardInterrupt),
        ThreadingHTTPServer(("", int(sys.argv[1])), _Answering) as server,
    ):
        print("listening", flush=True)
        server.serve_forever()
