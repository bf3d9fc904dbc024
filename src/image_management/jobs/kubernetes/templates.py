"""
Templates of Kubernetes' objects, as data.

A template is YAML with places to fill in, C{$name} or C{${name}}, and C{$$} for a dollar sign, as
Python's C{string.Template} has them.  It is parsed first, and its places are filled in later, in
the scalars of the result: no value can become anything but a part of the text that it stands in,
whatever is in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from httpd.texts import quoted
from image_management.jobs.kubernetes.resources import Object

Value = str | bool | Sequence[str] | None
"""What a place is filled in with; C{None}: there is nothing to fill in."""

_PLACE = re.compile(
    r"\$(?:(?P<dollar>\$)|(?P<name>[_a-zA-Z][_a-zA-Z0-9]*)|\{(?P<braced>[^}]*)\}|(?P<bad>))"
)


class BadTemplate(ValueError):
    """A template cannot be used; the text says where, and what is wrong there."""


@dataclass(frozen=True, slots=True)
class Template:
    """An object with places to fill in."""

    _tree: Any

    def filled(self, values: Mapping[str, Value]) -> Object:
        """
        The object.

        A scalar that is one place and nothing else becomes its value, whatever the type: what has
        no value goes, and of an item that is a list the elements come.  One in quotes becomes text.

        @param values: of all names that L{parsed} was told of.
        """
        filled: Object = _filled(self._tree, values)
        return filled

    def has(self, *path: str) -> bool:
        """Whether there is an object at a path of keys."""
        found = self._tree
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        return isinstance(found, dict)


def parsed(text: str, kind: str, known: Collection[str]) -> Template:
    """
    Read a template.

    @param kind: of the object that it is to be.
    @param known: the names that places may have.
    @raise BadTemplate: it is none.
    """
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        tree = None if node is None else _Reader(loader, known).read(node)
    except yaml.MarkedYAMLError as error:
        line = 0 if error.problem_mark is None else error.problem_mark.line
        raise BadTemplate(f"line {line + 1}: no YAML: {error.problem}") from None
    except yaml.YAMLError:
        raise BadTemplate("it is no YAML") from None
    except RecursionError:
        raise BadTemplate("it is nested too deeply, or within itself") from None
    if not isinstance(tree, dict) or tree.get("kind") != kind:
        raise BadTemplate(f"it is no {kind}; expected an object with kind: {kind}")
    metadata = tree.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str | _Text):
        raise BadTemplate(f"its {kind} has no name; expected metadata with a name")
    return Template(tree)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something is filled in."""

    name: str


@dataclass(frozen=True, slots=True)
class _Text:
    """A scalar with places."""

    parts: tuple[str | _Place, ...]
    is_plain: bool
    """Whether it stands without quotes."""

    def filled(self, values: Mapping[str, Value]) -> Value:
        first = self.parts[0]
        if isinstance(first, _Place) and len(self.parts) == 1:
            value = values[first.name]
            if self.is_plain or value is None:
                return value
        return "".join(
            _shown(values[part.name]) if isinstance(part, _Place) else part for part in self.parts
        )


class _Reader:
    """Reads the nodes of one template."""

    def __init__(self, loader: yaml.SafeLoader, known: Collection[str]) -> None:
        self._loader = loader
        self._known = known

    def read(self, node: yaml.Node) -> Any:
        """What a node is."""
        if isinstance(node, yaml.SequenceNode):
            return [self.read(one) for one in node.value]
        if isinstance(node, yaml.MappingNode):
            self._loader.flatten_mapping(node)
            return {self._key(key): self.read(value) for key, value in node.value}
        assert isinstance(node, yaml.ScalarNode)  # there are no others
        if "$" not in node.value:
            return self._loader.construct_object(node)
        parts = tuple(self._parts(node))
        if all(isinstance(part, str) for part in parts):
            return "".join(part for part in parts if isinstance(part, str))
        return _Text(parts, node.style is None)

    def _key(self, node: yaml.Node) -> str:
        key = self.read(node)
        if not isinstance(key, str):
            raise BadTemplate(
                f"{_place_of(node)}: a key is no text, or has a place in it; expected a text"
            )
        return key

    def _parts(self, node: yaml.ScalarNode) -> Iterator[str | _Place]:
        """The scalar, between its places and they."""
        text, end = node.value, 0
        for found in _PLACE.finditer(text):
            if before := text[end : found.start()]:
                yield before
            end = found.end()
            name = found["name"] or found["braced"]
            if found["dollar"]:
                yield "$"
            elif name in self._known:
                yield _Place(name)
            else:
                what = f"unknown place {quoted(found.group())}" if name else "a lone $"
                raise BadTemplate(
                    f"{_place_of(node, found.start())}: {what}; expected $$ for a dollar sign, or"
                    f" one of {', '.join(sorted(self._known))}"
                )
        if end < len(text):
            yield text[end:]


def _place_of(node: yaml.Node, offset: int = 0) -> str:
    """C{line 5}: where in a template something is."""
    line = int(node.start_mark.line) + 1
    if isinstance(node, yaml.ScalarNode) and node.style == "|":
        line += 1 + node.value.count("\n", 0, offset)
    return f"line {line}"


def _filled(tree: Any, values: Mapping[str, Value]) -> Any:
    if isinstance(tree, _Text):
        return tree.filled(values)
    if isinstance(tree, dict):
        filled = ((key, one, _filled(one, values)) for key, one in tree.items())
        return {key: value for key, one, value in filled if not _is_gone(one, value)}
    if isinstance(tree, list):
        return [value for one in tree for value in _items(one, values)]
    return tree


def _items(tree: Any, values: Mapping[str, Value]) -> Sequence[Any]:
    """What an item of a list becomes: nothing, itself, or several."""
    value = _filled(tree, values)
    if _is_gone(tree, value):
        return ()
    return value if isinstance(tree, _Text) and isinstance(value, list) else (value,)


def _is_gone(tree: Any, value: Any) -> bool:
    """Whether there was nothing to fill in."""
    return isinstance(tree, _Text) and value is None


def _shown(value: Value) -> str:
    """A value within a text: of a truth the words that Cray's containers know."""
    if value is None or isinstance(value, bool | str):
        return "" if value is None else str(value)
    return ", ".join(value)
