"""Edits of a kernel's command line, in few words."""

from __future__ import annotations

from assisted_images.values import KernelArgumentEdit, KernelArgumentOperation


def appended(*arguments: str) -> tuple[KernelArgumentEdit, ...]:
    """Arguments to append."""
    return _edits(KernelArgumentOperation.APPEND, arguments)


def replaced(*texts: str) -> tuple[KernelArgumentEdit, ...]:
    """Arguments to replace."""
    return _edits(KernelArgumentOperation.REPLACE, texts)


def deleted(*arguments: str) -> tuple[KernelArgumentEdit, ...]:
    """Arguments to delete."""
    return _edits(KernelArgumentOperation.DELETE, arguments)


def _edits(
    operation: KernelArgumentOperation, texts: tuple[str, ...]
) -> tuple[KernelArgumentEdit, ...]:
    return tuple(KernelArgumentEdit(operation, text) for text in texts)
