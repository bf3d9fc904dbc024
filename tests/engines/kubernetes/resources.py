"""
What the tests and the double know of Kubernetes' API (Kubernetes API Concepts, "Resource URIs").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of objects that are in namespaces."""

    name: str
    plural: str
    prefix: str
    """Of its paths: the API's group and version."""

    @property
    def api_version(self) -> str:
        return self.prefix.removeprefix("/apis/").removeprefix("/api/")

    @property
    def qualified(self) -> str:
        """As the server's messages name it, such as C{jobs.batch}."""
        group, slash, _ = self.api_version.partition("/")
        return f"{self.plural}.{group}" if slash else self.plural

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        parts = [self.plural, *(quote(one, "") for one in (name, subresource) if one)]
        return f"{self.prefix}/namespaces/{quote(namespace, '')}/{'/'.join(parts)}"


KINDS: Mapping[str, Kind] = {
    plural: Kind(name, plural, prefix)
    for name, plural, prefix in (
        ("ConfigMap", "configmaps", "/api/v1"),
        ("Secret", "secrets", "/api/v1"),
        ("PersistentVolumeClaim", "persistentvolumeclaims", "/api/v1"),
        ("Service", "services", "/api/v1"),
        ("Pod", "pods", "/api/v1"),
        ("Event", "events", "/api/v1"),
        ("Job", "jobs", "/apis/batch/v1"),
        ("DestinationRule", "destinationrules", "/apis/networking.istio.io/v1beta1"),
    )
}
"""By the plurals that paths have."""


class StatusError(Exception):
    """What the API server answers instead (Kubernetes API Reference, "Status")."""

    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    @property
    def document(self) -> Json:
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": self.details,
            "code": self.code,
        }


def not_found(kind: Kind, name: str) -> StatusError:
    message = f'{kind.qualified} "{name}" not found'
    return StatusError(404, "NotFound", message, name=name, kind=kind.plural)


def expired(asked: int, oldest: int) -> StatusError:
    """A watch that is to begin too long ago."""
    return StatusError(410, "Expired", f"too old resource version: {asked} ({oldest})")


def refuse(kind: Kind, name: str, wrong: Iterable[str]) -> None:
    """
    @raise StatusError: something is wrong.
    """
    causes = [*wrong]
    if causes:
        message = f'{kind.name} "{name}" is invalid: {", ".join(causes)}'
        raise StatusError(422, "Invalid", message, name=name, kind=kind.name)


def merged(target: Any, change: Any) -> Any:
    """A value after a merge patch (RFC 7396)."""
    if not isinstance(change, dict):
        return change
    members = dict(target) if isinstance(target, dict) else {}
    for name, value in change.items():
        if value is None:
            members.pop(name, None)
        else:
            members[name] = merged(members.get(name), value)
    return members


def place_of(path: str, kinds: Mapping[str, Kind]) -> tuple[Kind, str, str, str]:
    """
    The kind, namespace, name and subresource of a path; what it has not is empty.

    @raise StatusError: nothing is there.
    """
    for kind in kinds.values():
        if not path.startswith(f"{kind.prefix}/"):
            continue
        parts = path.removeprefix(f"{kind.prefix}/").split("/")
        namespace = parts[1] if parts[0] == "namespaces" and len(parts) > 1 else ""
        rest = parts[2:] if namespace else parts
        if rest and rest[0] == kind.plural and len(rest) <= 3:
            name, subresource = (*rest[1:], "", "")[:2]
            return kind, namespace, name, subresource
    raise StatusError(404, "", "404 page not found")


Test = Callable[[Json], bool]
"""Whether an object is meant."""


def selected(query: Mapping[str, str]) -> Test:
    """
    What C{labelSelector} and C{fieldSelector} mean (Kubernetes documentation, "Labels and
    Selectors"): equality and existence, and sets of values.

    @raise StatusError: they cannot be read.
    """
    tests = [_label_test(one) for one in _terms(query.get("labelSelector", ""))]
    tests += [_field_test(one) for one in _terms(query.get("fieldSelector", ""))]
    return lambda thing: all(test(thing) for test in tests)


def _terms(selector: str) -> list[str]:
    """Between the commas that are in no parentheses."""
    terms, depth, term = [], 0, ""
    for character in selector:
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            terms.append(term.strip())
            term = ""
        else:
            term += character
    return [one for one in (*terms, term.strip()) if one]


def _label_test(term: str) -> Test:
    def value(thing: Json, label: str) -> Any:
        return (thing["metadata"].get("labels") or {}).get(label)

    if term.endswith(")"):
        words, _, values = term[:-1].partition("(")
        label, word = words.split()
        wanted = {one.strip() for one in values.split(",")}
        return lambda thing: (value(thing, label) in wanted) == (word == "in")
    if "!=" in term:
        label, _, text = term.partition("!=")
        return lambda thing: value(thing, label.strip()) != text.strip()
    if "=" in term:
        label, _, text = term.replace("==", "=").partition("=")
        return lambda thing: value(thing, label.strip()) == text.strip()
    if " " in term:
        raise StatusError(400, "BadRequest", f"unable to parse requirement: {term}")
    return lambda thing: (value(thing, term.removeprefix("!")) is None) == term.startswith("!")


def _field_test(term: str) -> Test:
    path, _, text = term.replace("==", "=").partition("=")

    def test(thing: Json) -> bool:
        value: Any = thing
        for member in path.removesuffix("!").split("."):
            value = value.get(member, "") if isinstance(value, dict) else ""
        return (str(value) == text) != path.endswith("!")

    return test
