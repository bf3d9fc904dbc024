"""C{make run}: prepare what is needed, start the service, say what to try, until Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionLost
from twisted.internet.task import deferLater, react
from twisted.web.client import ResponseFailed

from assisted_images.catalog.catalog import Entry
from assisted_images.settings.options import Options
from demo.environment import Prepared, prepare
from demo.guide import guide
from demo.service import ROOT, Reactor, ServiceProcess
from demo.serving import (
    STOP_SECONDS,
    checked,
    prepared_in,
    say,
    say_packages,
    serve_until_interrupted,
)

_PROGRESS_SECONDS = 0.5

_NO_CONNECTION = (ConnectError, ConnectionLost, ResponseFailed)


async def run(reactor: Reactor, data: Path) -> None:
    """
    Serve until interrupted.

    @param data: the directory of what is made.
    @raise SystemExit: something is wrong; the text says what.
    """
    prepared = prepared_in(data, lambda: prepare(os.environ, data, say))
    settings = checked(Options(prepared.settings), "make run")
    await serve_until_interrupted(
        reactor,
        "assisted-images",
        prepared.settings,
        data / "service.log",
        lambda service: _follow(reactor, service, prepared, settings.catalog.images),
    )


async def _follow(
    reactor: Reactor, service: ServiceProcess, prepared: Prepared, entries: Sequence[Entry]
) -> None:
    """
    Print what the service says of its images until all are ready, and once one is, what to try.

    @raise ServiceFailed: it has ended.
    """
    authority = prepared.authority.read_bytes()
    shown: dict[Entry, str] = {}
    explained = False
    while True:
        images = await _images(service, authority)
        for entry, image in zip(entries, images, strict=True):
            state = _state(image)
            if shown.get(entry) != state:
                shown[entry] = state
                say(f"  {entry.version} {entry.architecture} {entry.image_type}: {state}")
        ready = [entry for entry in entries if shown[entry] == "ready"]
        if ready and not explained:
            explained = True
            _explain(service, prepared, entries, ready[0])
        if len(ready) == len(entries):
            return
        await deferLater(reactor, _PROGRESS_SECONDS)


async def _images(service: ServiceProcess, authority: bytes) -> list[dict[str, Any]]:
    """What C{/status} says of each, in the catalogue's order."""
    try:
        response = await service.client(authority).get(service.url("/status"))
        images: list[dict[str, Any]] = json.loads(await response.content())["images"]
    except _NO_CONNECTION:
        await service.wait_for(lambda: False, "answer", STOP_SECONDS)
        raise
    return images


def _state(image: Mapping[str, Any]) -> str:
    """One image's state in words, with how far its download is in whole percents."""
    state = str(image["state"])
    if state == "ready":
        return state
    if state == "downloading" and image.get("total"):
        state += f", {100 * image['bytes'] // image['total']} % of {image['total'] >> 20} MiB"
    if image.get("reason"):
        state += f": {image['reason']}"
    return state


def _explain(
    service: ServiceProcess, prepared: Prepared, entries: Sequence[Entry], ready: Entry
) -> None:
    tls, plain = (service.url("", scheme=scheme) for scheme in ("https", "http"))
    for line in guide(prepared, entries, ready, tls, plain):
        say(line)
    if prepared.missing:
        say(f"\nThe sample image does not boot: {' and '.join(prepared.missing)} not found.")
        say("It shows customisation all the same; for one that boots:")
        say_packages()
    elif shutil.which("qemu-system-x86_64") is None:
        say("\nThat virtual machine needs:")
        say_packages()
    say("\nCtrl-C stops the service.")


def main() -> None:
    """
    Run on the global reactor; a problem is one message and exit status 1.  What is made goes to the
    directory that the command line names.
    """
    data = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "demo-data"
    react(lambda reactor: Deferred.fromCoroutine(run(reactor, data)))
