"""Names of hosts, looked up where they keep nothing else waiting."""

from __future__ import annotations

from collections.abc import Callable
from socket import getaddrinfo
from typing import Any

from twisted.internet._resolver import GAIResolver

from httpd.concurrency.threads import own_pool

_MOST_AT_ONCE = 16


def look_names_up_apart(reactor: Any, getaddrinfo: Callable[..., list[Any]] = getaddrinfo) -> None:
    """
    Have a reactor look names up in threads that do nothing else, and that no end of it waits for.

    A name server that does not answer holds a thread for half a minute (resolv.conf(5): C{timeout},
    C{attempts}).  Of the reactor's own threads, which are few and read disks, some origins with
    such names would leave none; and after SIGTERM the process would stay that long.

    @param getaddrinfo: what looks a name up, blocking (getaddrinfo(3)).
    """
    pool = own_pool(reactor, _MOST_AT_ONCE, "names", daemon=True)
    reactor.installNameResolver(GAIResolver(reactor, pool, getaddrinfo))
