"""
The routes of a service as one table: which paths there are, what may be asked of each, what answers
it, and what the log and the metrics call it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from httpd.web.cors import allow_origin, answer_preflight, is_preflight
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from httpd.web.resource import Resource

GET = (b"GET", b"HEAD")
"""The methods of what can be read alone."""

PROBE = "debug"
"""The level of what is asked by machines, again and again, to see whether the service is there."""

UNNAMED = ""
"""The label of what is asked too often, and takes too little time, to be told of."""


@dataclass(frozen=True, slots=True)
class Route:
    """A row of the table."""

    pattern: str
    """The path, such as C{/images/:imageID}; a part with a colon before it stands for any one
    that has something in it, and where there is a dot in it, as in C{:file.sha256}, for any one
    that has something before the same end."""

    methods: tuple[bytes, ...]
    """What may be asked; C{OPTIONS}, where it is among them, is answered by the table."""

    resource: Resource

    on_plain: bool = True
    """Whether a plain listener beside one with TLS has it, too, where it has not everything."""

    label: str | None = None
    """
    What the log and the metrics call it; C{None}: by its pattern.  L{UNNAMED}: the metrics of
    requests leave it out.
    """

    level: str = "info"
    """How severe it is for the log, one of L{LEVELS<httpd.logs.lines.LEVELS>}, that it was asked:
    L{PROBE}, where that says nothing."""

    name: str = field(init=False)
    """What the metrics call it; L{UNNAMED} where they do not."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.pattern if self.label is None else self.label)


@dataclass(slots=True)
class _Node:
    """A place in the tree that the patterns make."""

    route: Route | None = None
    literals: dict[str, _Node] = field(default_factory=dict)
    """What is below, by the part of the path that leads there."""

    endings: dict[str, _Node] = field(default_factory=dict)
    """What is below by a part with such an end, which comes after the parameter."""

    parameter: _Node | None = None
    """What is below by any other part."""

    def by_value(self, part: str) -> tuple[_Node | None, str]:
        """What is below by a part that is no literal, and the parameter in it."""
        for ending, node in self.endings.items():
            value = part.removesuffix(ending)
            if value and value != part:
                return node, value
        return self.parameter if part else None, part


class Routes:
    """Finds who answers a request, and refuses what the table does not have."""

    def __init__(self, table: Iterable[Route]) -> None:
        """
        @param table: of patterns that differ.  Where a literal part and a parameter stand in the
            same place, the literal one is meant by its own text, and a parameter with an end by
            whatever has that.
        @raise ValueError: two of them are the same path.
        """
        self._root = _Node()
        for route in table:
            self._add(route)

    def find(self, parts: Sequence[str]) -> tuple[Route, Sequence[str]] | None:
        """
        The route of a path, and what stands there for its parameters, in order.

        @param parts: of the path, decoded.
        """
        node, values = self._root, []
        for part in parts:
            below = node.literals.get(part)
            if below is None:
                below, value = node.by_value(part)
                if below is None:
                    return None
                values.append(value)
            node = below
        return None if node.route is None else (node.route, values)

    def answer(self, request: ServiceRequest) -> None:
        """Have a request answered, or refuse it."""
        assert request.head is not None, "it has been received"
        kept = request.head.kept
        found = kept.get(self) or self.find(request.path_parts)
        if found is None:
            request.refuse(Problem(404, "there is nothing at this path"))
            return
        kept[self] = found
        route, request.path_values = found
        request.route = route.name or route.pattern
        if route.level == PROBE:
            request.level = PROBE
        origins = route.resource.allowed_origins
        if origins:
            allow_origin(request, origins)
            if is_preflight(request):
                answer_preflight(request, route.methods)
                return
        if request.method not in route.methods:
            request.refuse(_wrong_method(route.methods))
        elif request.method == b"OPTIONS":
            request.answer_options(route.methods)
        else:
            request.observe_as(route.name)
            route.resource.answer(request)

    def label(self, parts: Sequence[str]) -> str:
        """What the log and the metrics call the route of a path; empty where it has no name."""
        found = self.find(parts)
        return UNNAMED if found is None else found[0].name

    def _add(self, route: Route) -> None:
        node = self._root
        for part in route.pattern.removeprefix("/").split("/"):
            _, dot, ending = part.partition(".")
            if not part.startswith(":"):
                node = node.literals.setdefault(part, _Node())
            elif ending:
                node = node.endings.setdefault(dot + ending, _Node())
            else:
                node.parameter = node = node.parameter or _Node()
        if node.route is not None:
            raise ValueError(f"{route.pattern} is {node.route.pattern}, too; expected another path")
        node.route = route


def _wrong_method(methods: Sequence[bytes]) -> Problem:
    *others, last = [method.decode("ascii") for method in methods]
    listed = f"{', '.join(others)} and {last}" if others else last
    allow = b", ".join(methods).decode("ascii")
    return Problem(405, f"this path answers {listed} only", {"Allow": allow})
