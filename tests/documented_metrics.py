"""What C{docs/reference/metrics.md} says that services measure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set

from demo.service import ROOT

PREFIXES = {"assisted-images": "assisted_image_service_", "image-management": "image_management_"}
"""What the names of each service's metrics begin with."""

_PAGE = ROOT / "docs" / "reference" / "metrics.md"
_ROW = re.compile(r"^\| `(\w+)`( \(histogram\))?", re.MULTILINE)
_PROCESS = "process_"
_PARTS = ("_bucket", "_count", "_sum")


def _section(title: str) -> str:
    text = _PAGE.read_text("utf-8")
    return re.split(r"^## ", text.split(f"\n## {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def documentation_of(service: str) -> str:
    """The parts of the page that are about a service."""
    return _section("Both services") + _section(service)


def documented_families(service: str) -> set[str]:
    """The names of a service's metrics, whole, as C{# TYPE} has them."""
    return {name for name, _ in _rows(service)}


def documented_samples(service: str) -> set[str]:
    """The names of its samples, as queries have them."""
    samples = set()
    for name, histogram in _rows(service):
        samples |= {name + part for part in _PARTS} if histogram else {name}
    return samples


def _rows(service: str) -> Iterable[tuple[str, bool]]:
    for name, histogram in _ROW.findall(documentation_of(service)):
        yield name if name.startswith(_PROCESS) else PREFIXES[service] + name, bool(histogram)


def told_families(exposition: str) -> Set[str]:
    """The metrics of a service's answer; a counter's moment of creation is the library's idea."""
    names = re.findall(r"^# TYPE (\w+)", exposition, re.MULTILINE)
    return {name for name in names if not name.endswith("_created")}


def labels_without_words(service: str, exposition: str) -> list[str]:
    """The labels of a service's answer that the page has not."""
    words = documentation_of(service)
    labels = set(re.findall(r'[{,](\w+)="', exposition)) - {"le"}
    return sorted(label for label in labels if f"`{label}`" not in words)
