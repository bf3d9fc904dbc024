"""
Asks a server for one thing again and again, on one connection, and tells how long that took:
C{python -m tests.bench.asking PORT PATH}, until its input ends; milliseconds, as JSON.
"""

from __future__ import annotations

import http.client
import json
import select
import sys
import time

_PAUSE_SECONDS = 0.005
_SECONDS = 60.0


def main() -> None:
    """Ask."""
    port, path = sys.argv[1:]
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=_SECONDS)
    taken = []
    while not select.select([sys.stdin], [], [], _PAUSE_SECONDS)[0]:
        started = time.perf_counter()
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        taken.append(1000 * (time.perf_counter() - started))
        assert response.status == http.client.OK, response.status
    json.dump(taken, sys.stdout)


if __name__ == "__main__":
    main()
