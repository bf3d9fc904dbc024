"""The first stage: what is worked on is had out of S3, and unpacked."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile

from image_management.jobs.local import unpack
from image_management.jobs.local.downloads import Download
from image_management.jobs.local.folders import JobFolder, Notes
from image_management.jobs.local.logs import append
from image_management.jobs.local.processes import Limits
from image_management.jobs.local.workshop import Workshop


async def fetch_image(shop: Workshop, folder: JobFolder, notes: Notes, limits: Limits) -> None:
    """
    Have an image's root file system in C{folder.root}.

    @raise BadDownload: it is not what it should be.
    @raise S3Error: it cannot be had.
    @raise ProgramFailed: it is no SquashFS, or has no room.
    """
    await _download(shop, folder, notes, limits)
    command = ["unsquashfs", "-no-progress", "-dest", str(folder.root), str(folder.source)]
    await shop.programs.run(command, folder.path, folder.log, limits)
    folder.source.unlink()


async def fetch_recipe(shop: Workshop, folder: JobFolder, notes: Notes, limits: Limits) -> None:
    """
    Have a recipe in C{folder.recipe}, with its templates filled in.

    @raise BadDownload: it is not what it should be.
    @raise S3Error: it cannot be had.
    @raise ProgramFailed: it is not to be unpacked, or its templates cannot be filled in.
    """
    await _download(shop, folder, notes, limits)
    folder.recipe.mkdir(mode=0o755)
    command = [
        sys.executable,
        "-P",
        "-m",
        unpack.__name__,
        *map(str, (limits.file // 2, unpack.TEMPLATE_SECONDS)),
    ]
    with folder.source.open("rb") as archive, _dictionary(notes) as dictionary:
        files = {0: archive.fileno(), unpack.DICTIONARY_FILE: dictionary}
        await shop.programs.run(command, folder.recipe, folder.log, limits, files)
    folder.source.unlink()


async def _download(shop: Workshop, folder: JobFolder, notes: Notes, limits: Limits) -> None:
    if notes.md5 is None:
        append(folder.log, "nobody knows the MD5: nothing is checked")
    download = Download(shop.objects, notes.link, folder.source, shop.reactor, shop.run_in_thread)
    await download.make(notes.md5, limits.file // 2)
    size = folder.source.stat().st_size
    append(folder.log, f"{notes.link.path}: {size} bytes{', md5 as expected' * bool(notes.md5)}")


@contextmanager
def _dictionary(notes: Notes) -> Iterator[int]:
    """The descriptor of a file that nobody else sees: it may hold secrets."""
    with TemporaryFile() as file:
        file.write(json.dumps(notes.templates).encode())
        file.seek(0)
        yield file.fileno()
