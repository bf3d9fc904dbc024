"""A service of several workers, as processes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread

from demo.service import ServiceProcess
from tests.field import clients
from tests.field.client_case import ClientTestCase

WORKERS = 3


class WorkersTestCase(ClientTestCase):
    """One image, three workers, two listeners."""

    async def workers(self, **settings: str) -> ServiceProcess:
        return await self.serve_image(**({"WORKERS": str(WORKERS)} | settings))

    async def opened(self, service: ServiceProcess, scheme: str, count: int) -> list[Any]:
        """Open connections, which the workers share evenly; each has had an answer."""
        fresh = [self.kept(clients.client(service, scheme)) for _ in range(count)]
        for connection in fresh:
            await deferToThread(ask, connection, "/live")
        return fresh


def ask(connection: Any, path: str, *fields: str) -> tuple[bytes, bytes]:
    """Head and body of an answer; blocking."""
    connection.sendall(clients.request(path, *fields))
    received = clients.head_of(connection)
    head, _, _ = received.partition(b"\r\n\r\n")
    return head, clients.rest_of(connection, received)


def secondaries(service: ServiceProcess) -> list[int]:
    """The process ids of all workers but the first."""
    return children(service.pid)


def children(pid: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def busiest(service: ServiceProcess) -> int:
    """The one of them that has most connections."""
    return max(secondaries(service), key=sockets_of)


def sockets_of(pid: int) -> int:
    """How many sockets a process has open."""
    files = Path(f"/proc/{pid}/fd").iterdir()
    return sum(str(file.readlink()).startswith("socket:") for file in files)


def environment_of(pid: int) -> dict[str, str]:
    """What a process was started with."""
    variables = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return {name: value for name, _, value in (one.partition("=") for one in variables) if name}


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    return _state_of(pid) not in ("", "Z")


def is_idle(pid: int) -> bool:
    """
    Whether a process waits for something to come, and has nothing left to do.

    A client may have a whole answer before who sent it has noted that it is one.
    """
    return _state_of(pid) == "S"


def _state_of(pid: int) -> str:
    """A process's state as in proc(5); empty: it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def who_answered(service: ServiceProcess, route: str = "/byid/:token") -> Counter[int]:
    """How many requests each worker has answered."""
    return Counter(event["worker"] for event in service.events if event.get("route") == route)
