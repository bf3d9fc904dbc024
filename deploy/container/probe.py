"""
Asks the service in this container whether it lives, for HEALTHCHECK: exit status 0, or 1.

Knows the service by the container's first process, and where it listens by the variables of the
environment.  Liveness and not readiness: images may take hours to come.  Python's own modules
alone: it runs twice a minute.
"""

from __future__ import annotations

import http.client
import os
import ssl
import sys
from pathlib import Path

_SECONDS = 5.0


def main() -> int:
    """Ask."""
    setting = os.environ.get
    if b"image-management" in Path("/proc/1/cmdline").read_bytes():
        path, port = f"{setting('IMS_PATH_PREFIX', '').rstrip('/')}/healthz/live", "9000"
    else:
        path, port = "/live", "8080"
    plain = setting("HTTP_LISTEN_PORT")
    port = plain or setting("LISTEN_PORT") or port
    connection = http.client.HTTPConnection("localhost", int(port), timeout=_SECONDS)
    if setting("HTTPS_CERT_FILE") and not plain:
        # Whose certificate it is, is for clients to check.
        trusting = ssl._create_unverified_context()  # noqa: S323
        connection = http.client.HTTPSConnection(
            "localhost", int(port), timeout=_SECONDS, context=trusting
        )
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except OSError as error:
        print(f"port {port}: {error}")
        return 1
    print(f"port {port}: {path} is {status}")
    return 0 if status < http.client.BAD_REQUEST else 1


if __name__ == "__main__":
    sys.exit(main())
