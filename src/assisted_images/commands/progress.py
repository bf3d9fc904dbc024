"""What a terminal shows of bytes on their way, and what is written elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TextIO

from tqdm import tqdm

from assisted_images.store.states import ImageState, OsImage

_LEAST_STEP = 0.1
"""Of an image: so much more of it is worth a line."""


def bar_of_bytes(what: str, total: int | None, terminal: TextIO | None = None) -> tqdm[Any]:
    """
    A progress bar; nothing is shown where there is no terminal.

    @param what: is on its way.
    @param total: bytes in all.
    @param terminal: where it is; C{None}: the standard error output.
    """
    return tqdm(
        desc=what,
        total=total,
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        leave=False,
        file=terminal,
        disable=None,  # where it is no terminal
    )


@contextmanager
def bars_of_images(images: Sequence[OsImage], terminal: TextIO) -> Iterator[Callable[[], None]]:
    """
    A progress bar for each image; lines, where C{terminal} is none.

    @return: shows how far the images are now.
    """
    if not terminal.isatty():
        yield _Lines(images, terminal).show
        return
    with ExitStack() as bars:
        shown = [
            bars.enter_context(bar_of_bytes(_name(one), one.total, terminal)) for one in images
        ]

        def show() -> None:
            for image, bar in zip(images, shown, strict=True):
                bar.total, bar.n = image.total, image.bytes
                if image.state is not ImageState.DOWNLOADING:
                    # What was there before, and the time before, make no speed.
                    bar.initial = image.bytes
                    bar.unpause()
                bar.set_postfix_str(": ".join(filter(None, (image.state, image.reason))))

        yield show


class _Lines:
    """What is written of images: each change of their states, and now and then their bytes."""

    def __init__(self, images: Sequence[OsImage], output: TextIO) -> None:
        self._written: dict[OsImage, object] = dict.fromkeys(images)
        self._output = output

    def show(self) -> None:
        """Write a line of each image that there is news of."""
        for image, written in self._written.items():
            share = image.bytes / image.total if image.total else 0.0
            news = image.state, image.reason, int(share / _LEAST_STEP)
            if news != written:
                self._written[image] = news
                done = f", {image.bytes} of {image.total} bytes" if image.total else ""
                reason = f": {image.reason}" if image.reason else ""
                self._output.write(f"{_name(image)}: {image.state}{done}{reason}\n")
                self._output.flush()


def _name(image: OsImage) -> str:
    return f"image {image.entry.version} {image.entry.architecture}"
