"""
The kinds of objects that are used of Kubernetes, and where its API has them (Kubernetes API
Concepts, "Resource URIs").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Object = Mapping[str, Any]
"""An object of Kubernetes, as its API has it in JSON."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of objects."""

    kind: str
    group: str
    """Where its API group begins, such as C{/apis/batch/v1}."""
    plural: str
    """As its path has it."""

    def path(self, namespace: str, name: str | None = None) -> str:
        """Where all of a namespace are, or the one of a name."""
        collection = f"{self.group}/namespaces/{quote(namespace, '')}/{self.plural}"
        return collection if name is None else f"{collection}/{quote(name, '')}"


CONFIG_MAP = Resource("ConfigMap", "/api/v1", "configmaps")
SECRET = Resource("Secret", "/api/v1", "secrets")
CLAIM = Resource("PersistentVolumeClaim", "/api/v1", "persistentvolumeclaims")
SERVICE = Resource("Service", "/api/v1", "services")
POD = Resource("Pod", "/api/v1", "pods")
JOB = Resource("Job", "/apis/batch/v1", "jobs")
DESTINATION_RULE = Resource(
    "DestinationRule", "/apis/networking.istio.io/v1beta1", "destinationrules"
)


def name_of(thing: Object) -> str:
    """An object's name."""
    name: str = thing["metadata"]["name"]
    return name


@dataclass(frozen=True, slots=True)
class Listing:
    """The objects of a kind at one time."""

    items: list[Object]
    version: str
    """The C{resourceVersion} from which a watch sees what comes after."""
