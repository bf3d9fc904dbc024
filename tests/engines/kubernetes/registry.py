"""What the double does with requests that are understood."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.engines.kubernetes.admission import admitted
from tests.engines.kubernetes.controllers import Controllers, Soon
from tests.engines.kubernetes.logs import Logs
from tests.engines.kubernetes.objects import Objects
from tests.engines.kubernetes.orders import Asked
from tests.engines.kubernetes.resources import (
    Json,
    Kind,
    StatusError,
    Test,
    selected,
)

_RETURNED = {"Pod", "Service", "PersistentVolumeClaim"}
"""Kinds of which a DELETE answers the object itself."""


class Registry:
    """
    Objects, and what the API makes of them.

    @ivar objects: all there are.
    @ivar logs: what containers have written.
    """

    def __init__(self, soon: Soon) -> None:
        self.objects = Objects()
        self.logs = Logs(self.objects)
        self._controllers = Controllers(self.objects, soon)

    @staticmethod
    def test_of(asked: Asked) -> Test:
        """Which objects a request is about."""
        return selected(asked.query)

    def look(self, asked: Asked, kind: Kind) -> Json:
        """
        Answer C{get} and C{list}.

        @raise StatusError: there is no such object.
        """
        if asked.verb == "get":
            return self.objects.get(kind, asked.namespace, asked.name)
        items = self.objects.list(kind, asked.namespace or None, self.test_of(asked))
        if "." not in kind.qualified or kind.plural == "jobs":
            # Only items of custom resources say of what kind they are.
            for item in items:
                del item["kind"], item["apiVersion"]
        return {
            "kind": f"{kind.name}List",
            "apiVersion": kind.api_version,
            "metadata": {"resourceVersion": str(self.objects.version)},
            "items": items,
        }

    def change(
        self, asked: Asked, kind: Kind, body: Any, media_type: str = "application/json"
    ) -> Json:
        """
        Do C{create}, C{patch} and C{delete}; what only looks does nothing.

        @raise StatusError: it cannot be done.
        """
        match asked.verb:
            case "create":
                uid = str(uuid4())
                return self.objects.create(kind, asked.namespace, admitted(kind, body, uid), uid)
            case "patch":
                return self._patch(asked, kind, body, media_type)
            case "delete" if asked.name:
                return self._delete(asked, kind, body if isinstance(body, dict) else {})
            case "delete":
                raise StatusError(405, "MethodNotAllowed", "collections are not deleted here")
        return {}

    def _patch(self, asked: Asked, kind: Kind, body: Any, media_type: str) -> Json:
        if media_type != "application/merge-patch+json":
            message = (
                "the body of the request was in an unknown format - accepted media types include: "
                "application/merge-patch+json"
            )
            raise StatusError(415, "UnsupportedMediaType", message)
        if not isinstance(body, dict):
            raise StatusError(400, "BadRequest", "the patch is no object")
        is_status = asked.resource.endswith("/status")
        has_status = kind.name in {"Job", "Pod", "Service", "PersistentVolumeClaim"}
        if is_status:
            body = {name: body[name] for name in ("status", "metadata") if name in body}
        elif has_status:
            body = {name: value for name, value in body.items() if name != "status"}
        return self.objects.change(kind, asked.namespace, asked.name, body)

    def _delete(self, asked: Asked, kind: Kind, options: Json) -> Json:
        thing = self.objects.get(kind, asked.namespace, asked.name)
        uid = thing["metadata"]["uid"]
        wanted = (options.get("preconditions") or {}).get("uid", uid)
        if wanted != uid:
            message = (
                f'Operation cannot be fulfilled on {kind.qualified} "{asked.name}": Precondition '
                f"failed: UID in precondition: {wanted}, UID in object meta: {uid}"
            )
            raise StatusError(409, "Conflict", message, name=asked.name, kind=kind.plural)
        policy = options.get("propagationPolicy") or asked.query.get("propagationPolicy")
        left = self.objects.delete(kind, asked.namespace, asked.name)
        if left is not None:
            return left
        self._controllers.release_dependents(thing, policy or "Background")
        if kind.name in _RETURNED:
            return thing
        details = {"name": asked.name, "kind": kind.plural, "uid": uid}
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": details,
        }
