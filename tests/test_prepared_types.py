"""
Types that are decoded are prepared when their modules are imported, by the main thread.

msgspec publishes what it knows of a type before it has found it out: two threads that decode the
first of a type at the same time can end the process with SIGSEGV.  Making a Decoder of a type
prepares it, and every type in it.
"""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from types import FrameType
from typing import Any

import msgspec
from twisted.trial.unittest import SynchronousTestCase

import assisted_images
import httpd
import image_management
from demo.service import ROOT

_PACKAGES = (httpd, assisted_images, image_management)


def final_structs() -> Iterator[type]:
    """Every Struct type of ours, but for those that are only there to be derived from."""
    for package in _PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    ours = {package.__name__ for package in _PACKAGES}
    waiting: list[type] = [msgspec.Struct]
    while waiting:
        derived: list[type] = waiting.pop().__subclasses__()
        waiting += derived
        for kind in derived:
            if kind.__module__.partition(".")[0] in ours and not kind.__subclasses__():
                yield kind


def unprepared(kinds: Iterable[type]) -> list[str]:
    """Those whose annotations are looked at only when a decoder is made of them; each once."""
    found: list[str] = []

    def look(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_name == "get_class_annotations":
            kind = frame.f_locals["obj"]
            found.append(f"{kind.__module__}.{kind.__qualname__}")

    for kind in kinds:
        sys.setprofile(look)
        try:
            msgspec.json.Decoder(kind)
        finally:
            sys.setprofile(None)
    return found


class PreparedTypesTests(SynchronousTestCase):
    def test_all(self) -> None:
        """In a process of its own, in which no other test can have decoded anything."""
        run = subprocess.run(
            [sys.executable, "-m", __name__], cwd=ROOT, capture_output=True, text=True, check=True
        )
        self.assertEqual(run.stdout, "")
        self.assertIn("assisted_images.store.records.Record", run.stderr)

    def test_one_that_is_not(self) -> None:
        class Inner(msgspec.Struct):
            number: int

        class Outer(msgspec.Struct):
            inner: int

        Outer.__annotations__["inner"] = list[Inner]
        names = [kind.__qualname__ for kind in (Outer, Inner)]
        self.assertEqual(
            [name.rpartition("types.")[2] for name in unprepared([Outer, Inner])], names
        )
        self.assertEqual(unprepared([Outer, Inner]), [])


if __name__ == "__main__":
    structs = [*final_structs()]
    print(*(f"{kind.__module__}.{kind.__qualname__}" for kind in structs), file=sys.stderr)
    print("".join(f"{name}\n" for name in unprepared(structs)), end="")
