"""How many files this process may have open: a connection is one."""

from __future__ import annotations

import resource

from twisted.logger import Logger

from httpd.http1.connections import Connections

_MOST_OPEN_FILES = 1 << 20
"""Enough for every connection; beyond it some systems have no limit, which is not a number."""


OTHER_FILES = 200
"""For images, outgoing connections, the log, and what Python opens now and then."""


def raise_open_file_limit() -> int:
    """
    Let this process have as many files open as the system allows it to allow itself.

    @return: how many that are.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_OPEN_FILES)
    if soft == resource.RLIM_INFINITY:
        return _MOST_OPEN_FILES
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def allow_open_files(connections: Connections) -> None:
    """Have at most as many connections as there can be files, with some files to spare."""
    files = raise_open_file_limit()
    most = max(1, files - OTHER_FILES)
    if most < connections.limit:
        Logger().warn(
            "{most} connections at most instead of the {limit} that MAX_CONNECTIONS gives this"
            " process: the system allows it {files} open files, and {others} are for others",
            most=most,
            limit=connections.limit,
            files=files,
            others=OTHER_FILES,
        )
        connections.limit = most
