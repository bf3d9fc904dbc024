"""What every command that reads an ISO is told: where it is, and how it is got at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.python import usage

from assisted_images.settings.files import file_problems
from assisted_images.settings.settings import parse_some
from assisted_images.settings.table import SETTINGS
from assisted_images.values import VERSION_TEXT
from httpd.settings.options import SettingOptions, parameters


@dataclass(frozen=True, slots=True)
class IsoSettings:
    """Those of the service's settings that matter here, by the same names."""

    os_images_request_headers: Mapping[str, str] = field(repr=False)
    os_images_request_query_params: Mapping[str, str] = field(repr=False)
    os_image_download_trusted_ca_file: Path | None
    insecure_skip_verify: bool
    origin_connections: int
    http_proxy: str | None = field(repr=False)
    https_proxy: str | None = field(repr=False)
    no_proxy: str | None
    download_stall_seconds: float


_TABLE = tuple(setting for setting in SETTINGS if setting.key in IsoSettings.__slots__)


class IsoOptions(SettingOptions[IsoSettings]):
    """
    A command line that ends in an ISO.

    @cvar command: the command's name.
    @ivar place: the path of a file, or an HTTP or HTTPS URL.
    """

    command: str
    version = VERSION_TEXT
    table = _TABLE
    optParameters = parameters(_TABLE)
    place: str

    def getSynopsis(self) -> str:  # noqa: N802
        """The first line of the help."""
        return f"Usage: assisted-images {self.command} [options] <ISO or URL>"

    def parseArgs(self, *arguments: str) -> None:  # noqa: N802
        """
        Take the ISO.

        @raise usage.UsageError: it is missing.
        """
        if len(arguments) != 1:
            raise usage.UsageError(
                f"{len(arguments)} arguments behind the options; expected one: the path of an ISO,"
                " or its URL"
            )
        [self.place] = arguments

    def read(self, texts: Mapping[str, str]) -> IsoSettings:
        """
        Read the settings.

        @raise SettingsError: with everything that is wrong.
        """
        return IsoSettings(**parse_some(texts, self.table))

    def file_problems(self, found: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
        """What is wrong with the files that settings name, one line each."""
        return file_problems(found, names)
