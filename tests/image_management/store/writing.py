"""
A process that writes to a store until it is killed, and says on its standard output, a JSON line
each, what has been acknowledged.  It is run as C{python -m tests.image_management.store.writing}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from image_management.records.kinds import Kind
from image_management.store.journal import Action, Moved, Operation
from image_management.store.opening import make_store
from image_management.store.store import Store
from tests.image_management.store.case import image

_AT_ONCE = 4


def acknowledge(id: str, **facts: Any) -> None:
    """Tell whoever reads it, at once."""
    sys.stdout.write(json.dumps({"id": id, **facts}) + "\n")
    sys.stdout.flush()


async def write(store: Store) -> None:
    """A record after the other: added, changed, moved, removed."""
    while True:
        record = await store.add(image("added"))
        acknowledge(record.id, name="added", deleted=False)
        await store.change(Kind.IMAGE, record.id, lambda old: {**old.document, "name": "changed"})
        acknowledge(record.id, name="changed", deleted=False)
        operation = Operation(Kind.IMAGE, record.id, Action.SOFT_DELETE)
        await store.begin(operation)
        acknowledge(record.id, name="changed", deleted=False, busy=True)
        moved = Moved({**record.document, "name": "moved"}, deleted=True)
        await store.finish(operation, moved)
        acknowledge(record.id, name="moved", deleted=True)
        other = await store.add(image("removed"))
        await store.remove(Kind.IMAGE, other.id)
        acknowledge(other.id)


async def main(reactor: Any, folder: str, url: str = "") -> None:
    """Write, for ever."""
    store = make_store(reactor, Path(folder), url)
    store.startService()
    await gatherResults([Deferred.fromCoroutine(write(store)) for _ in range(_AT_ONCE)])


if __name__ == "__main__":
    react(main, sys.argv[1:])
