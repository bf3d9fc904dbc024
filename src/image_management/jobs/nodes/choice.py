"""Which remote build node a job goes to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from image_management.jobs.nodes.status import NodeStatus
from image_management.records.words import Architecture


def least_loaded(
    nodes: Iterable[NodeStatus], arch: Architecture, unfinished: Mapping[str, int]
) -> NodeStatus | None:
    """
    The node with the fewest jobs of those that can work on one; of several the first by name.

    A job counts that either side knows of: the node those of other services too, and we those that
    it has not begun yet.

    @param arch: the job's.
    @param unfinished: how many jobs of ours are not over, by node.
    @return: C{None}: there is no such node.
    """

    def load(node: NodeStatus) -> tuple[int, str]:
        return max(node.jobs, unfinished.get(node.xname, 0)), node.xname

    return min((node for node in nodes if node.able and node.arch == arch), key=load, default=None)
