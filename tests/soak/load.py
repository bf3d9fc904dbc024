"""Clients of all kinds at once, each of them led by chance, and chance by a seed."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from random import Random

from tests.field.clients import Listening
from tests.soak.exchange import CHUNK, Fault, Tally, Visitor
from tests.soak.ground import Ground
from tests.soak.kinds import KINDS
from tests.soak.references import Product, Reference, products_of

_MOST_FAULTS = 20
"""Of one client; after so many it stops: more would say nothing new."""


class Load:
    """
    A dozen clients, at work from L{start} to L{stop}.

    @ivar tally: what has come of all of them; whole once they have stopped.
    """

    def __init__(
        self, server: Listening, references: Sequence[Reference], seed: str, clients: int
    ) -> None:
        self.tally = Tally()
        self._over = threading.Event()
        self._visitors = [
            Visitor(server, references, Random(f"{seed} {number}")) for number in range(clients)
        ]
        self._threads = ThreadPoolExecutor(clients)
        self._done = [self._threads.submit(self._work, visitor) for visitor in self._visitors]

    def stop(self) -> Tally:
        """Have each client end what it is about; what came of all."""
        self._over.set()
        for done in self._done:
            done.result()
        self._threads.shutdown()
        for visitor in self._visitors:
            self.tally.add(visitor.tally)
        return self.tally

    def _work(self, visitor: Visitor) -> None:
        kinds, weights = zip(*KINDS, strict=True)
        while not self._over.is_set() and len(visitor.tally.faults) < _MOST_FAULTS:
            [kind] = visitor.random.choices(kinds, weights)
            visitor.kind = kind.__name__
            try:
                kind(visitor)
            except (Fault, OSError, HTTPException) as fault:
                words = f"{type(fault).__name__}: {fault}"
                visitor.tally.faults.append(f"{time.strftime('%T')} {visitor.kind}: {words}")


def references_of(server: Listening, ground: Ground, directory: Path) -> list[Reference]:
    """
    Download every product once, and have it looked at.

    @raise AssertionError: one is not what it should be.
    @raise Fault: one does not come.
    """
    references: list[Reference] = []
    for version, image in ground.images.items():
        for product in products_of(image, version, ground.infra_envs):
            file = directory / f"reference-{len(references)}"
            etag = _download(server, product, file)
            product.check(file)
            references.append(Reference.of(product.path, etag, file))
    return references


def _download(server: Listening, product: Product, file: Path) -> str:
    visitor = Visitor(server, (), Random(0))
    with visitor.connection("http") as connection, file.open("wb") as target:
        response = visitor.ask(connection, product.path)
        visitor.expect(response, 200)
        while piece := response.read(CHUNK):
            target.write(piece)
        return response.headers["etag"]
