"""C{assisted-images verify}: whether images are what they should be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, TextIO

import msgspec
from twisted.python import usage

from assisted_images.catalog.catalog import Entry
from assisted_images.commands.findings import Finding, report
from assisted_images.commands.iso_checks import look_at, whole_digests
from assisted_images.commands.iso_options import IsoSettings
from assisted_images.commands.isos import opened_iso
from assisted_images.commands.progress import bar_of_bytes
from assisted_images.commands.some_options import table_of
from assisted_images.iso9660.errors import IsoError
from assisted_images.settings.options import ImageOptions
from assisted_images.settings.settings import Settings, parse_some
from assisted_images.store.checks import Limits, check_image
from assisted_images.store.files import file_size
from assisted_images.store.origins import read_origin
from assisted_images.store.records import Stopped, digest, read_record
from assisted_images.values import ImageFetch
from httpd.concurrency.threads import threads_of
from httpd.outbound.failures import DownloadError
from httpd.settings.reading import SettingsError
from httpd.texts import os_error_text
from httpd.urls import public_url

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class IsoCheckSettings(IsoSettings):
    """Those that matter to single ISOs."""

    min_kernel_bytes: int
    min_rootfs_bytes: int


class VerifyOptions(ImageOptions):
    """
    The command line.

    @ivar isos: paths and URLs; none: the images in DATA_DIR are meant.
    @ivar iso_settings: those for them.
    """

    optParameters = [  # noqa: RUF012
        ["sha256", None, None, "what the SHA-256 of the one ISO is to be, in hexadecimal"],
        *ImageOptions.optParameters,
    ]
    optFlags = [["json", None, "write a list of JSON objects"]]  # noqa: N815, RUF012
    longdesc = (
        "Reads images whole, and says whether they are what they should be. Of an ISO, or one at a"
        " server: whether it is a whole CoreOS live ISO, its partition tables, and its checksums."
        " Of a DATA_DIR, or without any: whether each configured image in it passes the checks of"
        " the service. Each option but --json and --sha256 is also a variable of the environment."
    )
    examples = (
        "assisted-images verify rhcos-live.x86_64.iso https://mirror.example.com/other.iso",
        'assisted-images verify --sha256 "$(cut -c 1-64 rhcos-live.x86_64.iso.sha256)"'
        " rhcos-live.x86_64.iso",
        'OS_IMAGES="$(cat os_images.json)" assisted-images verify /data',
    )
    isos: tuple[str, ...] = ()
    iso_settings: IsoCheckSettings

    def getSynopsis(self) -> str:  # noqa: N802
        """The first line of the help."""
        return "Usage: assisted-images verify [options] [<ISO, URL or DATA_DIR> ...]"

    def parseArgs(self, *places: str) -> None:  # noqa: N802
        """
        Take the operands.

        @raise usage.UsageError: there is a directory among others.
        """
        if not any(Path(place).is_dir() for place in places):
            self.isos = places
        elif len(places) == 1:
            self["data-dir"] = places[0]
        else:
            raise usage.UsageError("a directory among other operands; expected it alone, or ISOs")

    def postOptions(self) -> None:
        """
        Check everything that matters.

        @raise usage.UsageError: with what is wrong.
        """
        sha256 = self["sha256"]
        if sha256 is not None and len(self.isos) != 1:
            raise usage.UsageError("--sha256 is of one ISO; expected one behind the options")
        if sha256 is not None and _SHA256.fullmatch(sha256.lower()) is None:
            raise usage.UsageError("--sha256 is no SHA-256; expected 64 hexadecimal digits")
        if not self.isos:
            super().postOptions()
            return
        try:
            found = parse_some(self._setting_texts(), table_of(IsoCheckSettings))
        except SettingsError as error:
            raise usage.UsageError(self.wrong([*error.problems])) from None
        self.iso_settings = IsoCheckSettings(**found)

    def file_problems(self, found: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
        """As always, but that DATA_DIR is not made."""
        others = {key: value for key, value in found.items() if key != "data_dir"}
        return super().file_problems(others, names)


async def verify(reactor: Any, options: VerifyOptions, output: TextIO) -> None:
    """
    Write what is right and what is wrong.

    @raise SystemExit: with 1, when something is wrong.
    """
    findings: list[Finding] = []
    if options.isos:
        for place in options.isos:
            sha256 = options["sha256"]
            found = await _verified_iso(reactor, place, options.iso_settings, sha256)
            findings += [replace(one, what=f"{_name(place)}: {one.what}") for one in found]
    else:
        findings = await _verified_images(reactor, options.settings)
    report(findings, output, as_json=bool(options["json"]))


def _name(place: str) -> str:
    return public_url(place) if place.startswith(("http://", "https://")) else Path(place).name


async def _verified_iso(
    reactor: Any, place: str, settings: IsoCheckSettings, sha256: str | None
) -> tuple[Finding, ...]:
    run_in_thread = threads_of(reactor)
    limits = Limits(settings.min_kernel_bytes, settings.min_rootfs_bytes)
    try:
        async with opened_iso(reactor, place, settings) as image:
            look = await run_in_thread(look_at, image, limits)
            expected = None if sha256 is None else sha256.lower()
            with bar_of_bytes(_name(place), image.representation().length) as bar:
                whole = await whole_digests(
                    image, look.implanted, expected, run_in_thread, bar.update
                )
            return (*look.findings, *whole)
    except DownloadError as error:
        return (Finding("to be read", False, str(error)),)
    except OSError as error:
        return (Finding("to be read", False, os_error_text(error)),)


async def _verified_images(reactor: Any, settings: Settings) -> list[Finding]:
    """Each image that is configured, one after another."""
    run_in_thread, stop = threads_of(reactor), Event()
    reactor.addSystemEventTrigger("before", "shutdown", stop.set)
    images = settings.catalog.images
    sizes = [file_size(settings.data_dir / entry.file_name) or 0 for entry in images]
    findings: list[Finding] = []
    with bar_of_bytes(str(settings.data_dir), sum(sizes)) as bar:
        for entry, size in zip(images, sizes, strict=True):
            findings += await run_in_thread(_verified_image, settings, entry, stop)
            bar.update(size)
    return findings


def _verified_image(settings: Settings, entry: Entry, stop: Event) -> list[Finding]:
    """Whether an image in DATA_DIR is what its entry promises.  Blocking."""
    checks = [(f"image {entry.version} {entry.architecture}", _image)]
    if (settings.data_dir / entry.nmstate_file_name).exists():
        checks.append((f"nmstatectl {entry.version} {entry.architecture}", _nmstate))
    return [_found(what, partial(check, settings, entry, stop)) for what, check in checks]


def _found(what: str, check: partial[str]) -> Finding:
    try:
        return Finding(what, True, check())
    except IsoError as error:
        return Finding(what, False, str(error))
    except OSError as error:
        return Finding(what, False, os_error_text(error))
    except Stopped:
        return Finding(what, False, "interrupted")


def _image(settings: Settings, entry: Entry, stop: Event) -> str:
    path = settings.data_dir / entry.file_name
    stays = (entry.fetch or settings.image_fetch) is not ImageFetch.WHOLE and not entry.release
    if stays and file_size(path) is None:
        return "comes on demand, and is not here as a whole"
    record = read_record(path)
    if record is not None:
        # So it is hashed, whether or not it has been touched.
        record = msgspec.structs.replace(record, at_ns=0)
    limits = Limits(settings.min_kernel_bytes, settings.min_rootfs_bytes)
    checked = check_image(path, entry, limits, stop, record)
    compared = "" if record or entry.sha256 else ", with nothing to compare it to"
    origin = read_origin(path)
    if origin is not None and origin.release != str(entry.release):
        compared += f"; it came out of {origin.release}"
    return f"{path.name}, sha256 {checked.sha256}{compared}"


def _nmstate(settings: Settings, entry: Entry, stop: Event) -> str:
    path = settings.data_dir / entry.nmstate_file_name
    record = read_record(path)
    with path.open("rb") as file:
        sha256 = digest(file, stop)
    if record is not None and record.sha256 != sha256:
        raise IsoError(f"its sha256 is {sha256}, but when it was made it was {record.sha256}")
    return f"{path.name}, sha256 {sha256}"
