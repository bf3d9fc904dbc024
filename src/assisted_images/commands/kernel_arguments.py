"""What commands are told of kernel arguments."""

from __future__ import annotations

from twisted.python import usage

from assisted_images.live.kargs import BadKernelArgument, edited
from assisted_images.values import KernelArgumentEdit, KernelArgumentOperation, in_order


class KernelArgumentOptions(usage.Options):
    """
    The options, for command lines to have.

    @ivar edits: what they say, in the order in which they were given.
    """

    def __init__(self) -> None:
        super().__init__()
        self.edits: list[KernelArgumentEdit] = []

    def opt_kargs(self, argument: str) -> None:
        """Append a kernel argument; may be given several times."""
        self._add(KernelArgumentOperation.APPEND, argument)

    def opt_kargs_replace(self, argument: str) -> None:
        """Replace the value of a kernel argument: KEY=OLD=NEW; may be given several times."""
        self._add(KernelArgumentOperation.REPLACE, argument)

    def opt_kargs_delete(self, argument: str) -> None:
        """Delete a kernel argument, with its value; may be given several times."""
        self._add(KernelArgumentOperation.DELETE, argument)

    def _add(self, operation: KernelArgumentOperation, text: str) -> None:
        self.edits.append(KernelArgumentEdit(operation, text))
        try:
            edited("", self.edits)
        except BadKernelArgument as error:
            raise usage.UsageError(str(error)) from None

    @property
    def kernel_arguments(self) -> tuple[KernelArgumentEdit, ...]:
        """What they say, in the order in which it is done."""
        return in_order(self.edits)
