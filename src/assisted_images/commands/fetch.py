"""C{assisted-images fetch}: fills DATA_DIR before the service runs there, or beside it."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from twisted.internet.task import LoopingCall

from assisted_images.commands.findings import Finding, report
from assisted_images.commands.progress import bars_of_images
from assisted_images.image_assembly import make_population
from assisted_images.outbound import Outbound
from assisted_images.settings.options import ImageOptions
from assisted_images.store.images import ImageState, ImageStore, OsImage

_LOOK_SECONDS = 0.2

_MOST_FAILURES = 3
"""Of an image in a row, until it is given up."""


class FetchOptions(ImageOptions):
    """The command line: every setting of the service."""

    optFlags = [["json", None, "write a list of JSON objects"]]  # noqa: N815, RUF012
    longdesc = (
        "Brings every image that the settings name (OS_IMAGES, RELEASE_IMAGES) into DATA_DIR, and"
        " checks it as the service does. What is there already stays, what was interrupted goes on"
        f" where it was. An image that fails {_MOST_FAILURES} times in a row is given up; the"
        " others come all the same. A service may run there meanwhile. Each option but --json is"
        " also a variable of the environment."
    )
    examples = (
        "assisted-images fetch --data-dir /data",
        'OS_IMAGES="$(cat os_images.json)" DATA_DIR=/data assisted-images fetch --json',
    )

    def getSynopsis(self) -> str:  # noqa: N802
        """The first line of the help."""
        return "Usage: assisted-images fetch [options]"


async def fetch(reactor: Any, options: FetchOptions, output: TextIO) -> None:
    """
    Bring the images; on a terminal with progress bars, elsewhere a line for each change.

    @raise ValueError: the pull secret or the registries' configuration cannot be read.
    @raise SystemExit: with 1, when one is not there.
    """
    settings = options.settings
    store, outbound = ImageStore(settings.catalog), Outbound(settings, reactor)
    try:
        population = make_population(settings, reactor, outbound, store, on_demand=None)
        with bars_of_images(store.images, sys.stderr) as show:
            showing = LoopingCall(show)
            showing.clock = reactor
            showing.start(_LOOK_SECONDS)
            try:
                await population.fetch(_MOST_FAILURES)
            finally:
                showing.stop()
                show()
    finally:
        await outbound.stopService()
    report([*map(_finding, store.images)], output, as_json=bool(options["json"]))


def _finding(image: OsImage) -> Finding:
    what = f"image {image.entry.version} {image.entry.architecture}"
    if image.state is not ImageState.READY or image.ready is None:
        return Finding(what, False, image.reason or image.state)
    missing = image.ready.minimal_missing
    without = "" if missing is None else f"; no minimal ISO: {missing}"
    return Finding(what, True, f"{image.entry.file_name}, {image.bytes} bytes{without}")
