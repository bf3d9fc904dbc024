"""What the store raises; whatever else its database may complain of is made one of these."""

from __future__ import annotations

from image_management.records.kinds import Kind
from image_management.store.journal import Operation


class StoreError(Exception):
    """Something that the store cannot do; the text says what, and never what is in a record."""


class NotFound(StoreError):
    """There is no such record in that collection."""

    def __init__(self, kind: Kind, id: str) -> None:
        super().__init__(f"there is no {kind.noun} {id}")
        self.kind = kind
        self.id = id


class Busy(StoreError):
    """
    An operation on the record is under way, and until its end nobody else changes the record.

    @ivar operation: that one.
    """

    def __init__(self, operation: Operation) -> None:
        super().__init__(f"{operation.kind.noun} {operation.id} is being moved or deleted")
        self.operation = operation


class LinkInUse(StoreError):
    """
    Another live record of the kind has the link, or an operation is about to take it away.

    @ivar path: the link's.
    """

    def __init__(self, kind: Kind, path: str) -> None:
        super().__init__(f"another of the {kind} has the link {path}")
        self.path = path


class LeaseLost(StoreError):
    """Somebody else has taken the operation over, or brought it to its end."""

    def __init__(self, operation: Operation) -> None:
        super().__init__(f"another process has taken over {operation.kind.noun} {operation.id}")


class UnknownPlace(StoreError, ValueError):
    """The record after which a list was to begin is not in it."""

    def __init__(self, kind: Kind, id: str) -> None:
        super().__init__(f"there is no {kind.noun} {id} to begin after")


class StoreUnavailable(StoreError):
    """The database does not answer, or cannot be written now; later it may again."""


class StoreRefused(StoreError):
    """The store cannot be used as it is: in use, damaged, or of a newer release."""
