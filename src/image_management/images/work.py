"""One operation, as the process that carries it out has it."""

from __future__ import annotations

from image_management.images.plans import Phase, Plan, Stage
from image_management.store.journal import Operation

UNDOING = frozenset({Phase.ROLLING_BACK, Phase.SWEEPING})


class Work:
    """
    An operation that is begun, or gone on with.

    @ivar stage: how far it is; C{None}: it has no plan yet.
    @ivar resumed: whether somebody was at it before, who may have done more than the stage says.
    @ivar over: whether it is in the journal no longer, or is no longer this process's.
    @ivar warnings: what whoever asked for it should know.
    """

    def __init__(self, operation: Operation, *, resumed: bool = False) -> None:
        self.operation = operation
        self.stage = Stage.read(operation.state)
        self.resumed = resumed
        self.over = False
        self.warnings: list[str] = []

    @property
    def phase(self) -> Phase | None:
        """How far it is."""
        return None if self.stage is None else self.stage.phase

    @property
    def plan(self) -> Plan:
        """What it does in S3."""
        return Plan() if self.stage is None else self.stage.plan

    @property
    def undoing(self) -> bool:
        """Whether it has failed, and what it left goes."""
        return self.phase in UNDOING
