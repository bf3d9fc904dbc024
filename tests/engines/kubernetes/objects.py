"""What a cluster has, in memory: objects, their versions, and who watches them."""

from __future__ import annotations

import copy
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from uuid import uuid4

from tests.engines.kubernetes.resources import (
    Json,
    Kind,
    StatusError,
    Test,
    expired,
    merged,
    not_found,
    refuse,
)

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
"""RFC 1123, as nearly all kinds want it."""

_LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?")

_KEPT_VERSIONS = 100_000


@dataclass(frozen=True)
class Event:
    """What has become of an object."""

    version: int
    type: str
    kind: Kind
    object: Json
    before: Json | None

    def seen_by(self, test: Test) -> str | None:
        """Its type for one who watches some objects only; C{None}: it is none of them."""
        now = self.type != "DELETED" and test(self.object)
        earlier = self.before is not None and test(self.before)
        if now:
            return "MODIFIED" if earlier else "ADDED"
        return "DELETED" if earlier else None


Observer = Callable[[Event], None]


class Objects:
    """
    All objects of a cluster.  What is handed out is a copy.

    @ivar observers: are told of each change, when it is done.
    @ivar namespaces: those that there are.
    """

    def __init__(self) -> None:
        self.namespaces = {"default", "services", "ims"}
        self.observers: list[Observer] = []
        self._things: dict[tuple[str, str, str], Json] = {}
        self._versions = count(1000)
        self._version = next(self._versions)
        self._oldest = self._version
        self._history: deque[Event] = deque(maxlen=_KEPT_VERSIONS)

    @property
    def version(self) -> int:
        """That of the last change."""
        return self._version

    def forget_history(self) -> None:
        """Have nobody begin to watch before now (what etcd calls compaction)."""
        self._history.clear()
        self._version = next(self._versions)
        self._oldest = self._version

    def since(self, version: int) -> list[Event]:
        """
        What has happened after a version.

        @raise StatusError: that is too long ago.
        """
        if version < self._oldest:
            raise expired(version, self._oldest)
        return [event for event in self._history if event.version > version]

    def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """
        An object.

        @raise StatusError: there is none.
        """
        try:
            return copy.deepcopy(self._things[kind.plural, namespace, name])
        except KeyError:
            raise not_found(kind, name) from None

    def list(self, kind: Kind, namespace: str | None, test: Test = lambda _: True) -> list[Json]:
        """Those of a kind, ordered as the API server orders them: by namespace and name."""
        return [
            copy.deepcopy(thing)
            for (plural, where, _), thing in sorted(self._things.items())
            if plural == kind.plural and namespace in {None, where} and test(thing)
        ]

    def create(self, kind: Kind, namespace: str, given: Json, uid: str = "") -> Json:
        """
        Make an object.

        @param uid: what it is known by; empty: something new.
        @raise StatusError: there is one of that name, or it cannot be.
        """
        if namespace not in self.namespaces:
            message = f'namespaces "{namespace}" not found'
            raise StatusError(404, "NotFound", message, name=namespace, kind="namespaces")
        metadata = dict(given.get("metadata") or {})
        name = metadata.get("name", "")
        _check(kind, name, metadata, namespace)
        if (kind.plural, namespace, name) in self._things:
            message = f'{kind.qualified} "{name}" already exists'
            raise StatusError(409, "AlreadyExists", message, name=name, kind=kind.plural)
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        metadata |= {"namespace": namespace, "uid": uid or str(uuid4()), "creationTimestamp": now}
        thing = {**copy.deepcopy(given), "apiVersion": kind.api_version, "kind": kind.name}
        thing["metadata"] = metadata
        return self._put("ADDED", kind, thing)

    def change(self, kind: Kind, namespace: str, name: str, change: Json) -> Json:
        """
        Change an object by a merge patch; one without finalizers that is being deleted is gone
        then.

        @raise StatusError: there is none, or it is of another version than the patch says.
        """
        before = self.get(kind, namespace, name)
        wanted = (change.get("metadata") or {}).get("resourceVersion")
        if wanted not in {None, before["metadata"]["resourceVersion"]}:
            message = (
                f'Operation cannot be fulfilled on {kind.qualified} "{name}": the object has been '
                "modified; please apply your changes to the latest version and try again"
            )
            raise StatusError(409, "Conflict", message, name=name, kind=kind.plural)
        after: Json = merged(before, change)
        if after == before:
            return before
        metadata = after["metadata"]
        if "deletionTimestamp" in metadata and not metadata.get("finalizers"):
            return self._drop(kind, after)
        return self._put("MODIFIED", kind, after)

    def delete(self, kind: Kind, namespace: str, name: str) -> Json | None:
        """
        Delete an object.

        @return: the object where it goes only once others have done what they have to.
        @raise StatusError: there is none.
        """
        thing = self.get(kind, namespace, name)
        if not thing["metadata"].get("finalizers"):
            self._drop(kind, thing)
            return None
        if "deletionTimestamp" not in thing["metadata"]:
            now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
            marks = {"deletionTimestamp": now, "deletionGracePeriodSeconds": 0}
            return self.change(kind, namespace, name, {"metadata": marks})
        return thing

    def _drop(self, kind: Kind, thing: Json) -> Json:
        metadata = thing["metadata"]
        before = self._things.pop((kind.plural, metadata["namespace"], metadata["name"]))
        return self._tell("DELETED", kind, thing, before)

    def _put(self, type: str, kind: Kind, thing: Json) -> Json:
        metadata = thing["metadata"]
        key = kind.plural, metadata["namespace"], metadata["name"]
        before = self._things.get(key)
        self._things[key] = thing
        return self._tell(type, kind, thing, before)

    def _tell(self, type: str, kind: Kind, thing: Json, before: Json | None) -> Json:
        """Give it a new version, and tell all who watch."""
        self._version = next(self._versions)
        thing["metadata"]["resourceVersion"] = str(self._version)
        event = Event(self._version, type, kind, copy.deepcopy(thing), before)
        self._history.append(event)
        for observer in [*self.observers]:
            observer(event)
        return copy.deepcopy(thing)


def _check(kind: Kind, name: str, metadata: Json, namespace: str) -> None:
    """Refuse what no object of the kind may be."""
    if metadata.get("namespace", namespace) != namespace:
        message = "the namespace of the provided object does not match the one of the request"
        raise StatusError(400, "BadRequest", message)
    refuse(kind, name, _wrong_in(name, metadata))


def _wrong_in(name: str, metadata: Json) -> Iterator[str]:
    if not name:
        yield "metadata.name: Required value: name or generateName is required"
    elif not _NAME.fullmatch(name):
        yield f'metadata.name: Invalid value: "{name}": a lowercase RFC 1123 subdomain is expected'
    for label, value in (metadata.get("labels") or {}).items():
        if not isinstance(value, str) or not _LABEL.fullmatch(value):
            yield f"metadata.labels.{label}: Invalid value: {value!r}"
    for annotation, value in (metadata.get("annotations") or {}).items():
        if not isinstance(value, str):
            yield f"metadata.annotations.{annotation}: Invalid value: {value!r}"
